import { describe, expect, it } from 'vitest';
import { encoded } from './base64';

describe('what Authorization: Basic wants', () => {
  it('is the base64 of UTF-8', () => {
    expect(encoded('ana:sesame')).toBe('YW5hOnNlc2FtZQ==');
    expect(encoded('zoë:pässwörd €')).toBe('em/Dqzpww6Rzc3fDtnJkIOKCrA==');
    expect(encoded('')).toBe('');
  });
});
