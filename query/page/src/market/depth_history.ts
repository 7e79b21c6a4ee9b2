/**
 * What the book looked like over time: one column of levels per time step, for the newest `capacity` steps. Memory is
 * bounded: columns are used again.
 */

export interface DepthColumn {
  step: number;
  bids: number;
  asks: number;
  /** Prices of the bids from the touch on, then of the asks. */
  prices: Float64Array;
  sizes: Float32Array;
}

export interface Levels {
  readonly at: number;
  readonly size: number;
}

export class DepthHistory {
  private readonly columns: (DepthColumn | undefined)[];
  newest = -1;
  /** Grows when what was recorded before changes: pictures of it are to be made anew. */
  revision = 0;

  constructor(
    readonly stepMs: number,
    readonly capacity: number,
    readonly depth: number,
  ) {
    this.columns = new Array<DepthColumn | undefined>(capacity);
  }

  stepOf(time: number): number {
    return Math.floor(time / this.stepMs);
  }

  /** Records the book at a time. A later record within the same step replaces the earlier one. */
  record(time: number, bids: readonly Levels[], asks: readonly Levels[]): void {
    const step = this.stepOf(time);
    if (step <= this.newest - this.capacity) return;
    const column = this.claim(step);
    column.bids = Math.min(bids.length, this.depth);
    column.asks = Math.min(asks.length, this.depth);
    for (let index = 0; index < column.bids; index += 1) put(column, index, bids[index] as Levels);
    for (let index = 0; index < column.asks; index += 1) put(column, column.bids + index, asks[index] as Levels);
    if (step < this.newest) this.revision += 1;
    this.newest = Math.max(this.newest, step);
  }

  /** The oldest step recorded, or null when there is none. */
  get first(): number | null {
    if (this.newest < 0) return null;
    for (let step = this.newest - this.capacity + 1; step <= this.newest; step += 1) if (this.at(step)) return step;
    return null;
  }

  at(step: number): DepthColumn | null {
    const column = this.columns[((step % this.capacity) + this.capacity) % this.capacity];
    return column && column.step === step ? column : null;
  }

  clear(): void {
    for (const column of this.columns) if (column) column.step = -1;
    this.newest = -1;
    this.revision += 1;
  }

  private claim(step: number): DepthColumn {
    const slot = ((step % this.capacity) + this.capacity) % this.capacity;
    const column = this.columns[slot] ?? {
      step, bids: 0, asks: 0, prices: new Float64Array(this.depth * 2), sizes: new Float32Array(this.depth * 2),
    };
    column.step = step;
    this.columns[slot] = column;
    return column;
  }
}

function put(column: DepthColumn, index: number, level: Levels): void {
  column.prices[index] = level.at;
  column.sizes[index] = level.size;
}
