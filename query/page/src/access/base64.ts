/** The base64 of a text in UTF-8, as `Authorization: Basic` wants it. */
export function encoded(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}
