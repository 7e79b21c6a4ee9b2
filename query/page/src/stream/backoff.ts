/** Pauses between attempts to connect: doubling from half a second to fifteen, each with up to a third taken off by chance. */
export function pause(attempt: number, chance: number = Math.random()): number {
  const longest = Math.min(15_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(longest * (1 - chance / 3));
}
