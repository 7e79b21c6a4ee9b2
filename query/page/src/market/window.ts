/** Several figures sampled at the same times, the newest `capacity` of them: what a line chart draws. */
export class Window<Name extends string> {
  readonly times: number[] = [];
  private readonly columns: Map<Name, (number | null)[]>;

  constructor(
    names: readonly Name[],
    readonly capacity: number,
  ) {
    this.columns = new Map(names.map((name) => [name, []]));
  }

  push(time: number, sample: Record<Name, number | null>): void {
    this.times.push(time);
    for (const [name, column] of this.columns) column.push(sample[name]);
    // Shifting a whole array for each sample would cost; a quarter at a time does not.
    if (this.times.length > this.capacity * 1.25) {
      const surplus = this.times.length - this.capacity;
      this.times.splice(0, surplus);
      for (const column of this.columns.values()) column.splice(0, surplus);
    }
  }

  /** Puts samples before those there are, the oldest first, as many as there is room for. */
  seed(samples: readonly [time: number, sample: Record<Name, number | null>][]): void {
    const room = Math.max(0, this.capacity - this.times.length);
    const earlier = samples.slice(Math.max(0, samples.length - room));
    this.times.unshift(...earlier.map(([time]) => time));
    for (const [name, column] of this.columns) column.unshift(...earlier.map(([, sample]) => sample[name]));
  }

  column(name: Name): (number | null)[] {
    return this.columns.get(name) ?? [];
  }

  clear(): void {
    this.times.length = 0;
    for (const column of this.columns.values()) column.length = 0;
  }
}
