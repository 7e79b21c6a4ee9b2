/** A bounded history of (time, value): when it is full, neighbours among the older half are merged, so it covers more time. */
export class Series {
  private times: Float64Array;
  private values: Float64Array;
  length = 0;

  constructor(readonly capacity: number) {
    this.times = new Float64Array(capacity);
    this.values = new Float64Array(capacity);
  }

  push(time: number, value: number): void {
    if (this.length === this.capacity) this.thin();
    this.times[this.length] = time;
    this.values[this.length] = value;
    this.length += 1;
  }

  time(index: number): number {
    return this.times[index] ?? Number.NaN;
  }

  value(index: number): number {
    return this.values[index] ?? Number.NaN;
  }

  get last(): number {
    return this.value(this.length - 1);
  }

  get lastTime(): number {
    return this.time(this.length - 1);
  }

  dropBefore(time: number): void {
    let first = 0;
    while (first < this.length && this.time(first) < time) first += 1;
    if (first === 0) return;
    this.times.copyWithin(0, first, this.length);
    this.values.copyWithin(0, first, this.length);
    this.length -= first;
  }

  clear(): void {
    this.length = 0;
  }

  private thin(): void {
    const half = this.length >> 1;
    let kept = 0;
    for (let index = 0; index < this.length; index += 1) {
      if (index < half && index % 2 === 1) continue;
      this.times[kept] = this.time(index);
      this.values[kept] = this.value(index);
      kept += 1;
    }
    this.length = kept;
  }
}
