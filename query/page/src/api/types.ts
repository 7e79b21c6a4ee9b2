/** What the server says, as its OpenAPI description has it. Prices and quantities are decimal texts and stay texts. */

export type BookState = 'live' | 'resyncing' | 'stale' | (string & {});

export interface Instrument {
  symbol: string;
  venue: string;
  base?: string;
  quote?: string;
  tick_size: string;
  step_size: string;
  state: BookState;
}

export interface Ticker {
  symbol: string;
  bid: string | null;
  bid_quantity: string | null;
  ask: string | null;
  ask_quantity: string | null;
  mid: string | number | null;
  spread_bps: number | null;
  imbalance: number | null;
  microprice: string | number | null;
  update_id: number;
  event_time: string | null;
  receive_time: string | null;
  age_ms: number | null;
  state: BookState;
  updates_per_second: number | null;
  last_price: string | null;
  change_24h: number | null;
}

export type Level = [price: string, quantity: string];

export interface BookImage {
  symbol: string;
  update_id: number;
  event_time: string | null;
  receive_time?: string | null;
  state: BookState;
  bids: Level[];
  asks: Level[];
}

export interface ReplayBounds {
  earliest: string | null;
  latest: string | null;
}

export interface ReplayedBook extends BookImage, ReplayBounds {
  at: string;
}

export interface ReplayFrame {
  at: string;
  state?: BookState;
  bids: Level[];
  asks: Level[];
}

export interface ReplayRange extends ReplayBounds {
  symbol: string;
  frames: ReplayFrame[];
}

export interface Trade {
  trade_id: number;
  price: string;
  quantity: string;
  buyer_is_maker: boolean;
  event_time: string;
  receive_time?: string;
}

export interface Bar {
  open_time: string;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  vwap: string | number | null;
  trades: number;
  is_final?: boolean;
}

export type Judgement = 'ok' | 'degraded' | 'failing' | (string & {});

export interface ServiceLevel {
  name: string;
  target: number | null;
  value: number | null;
  unit: string;
  status: Judgement;
  since?: string | null;
}

export interface Health {
  status: Judgement;
  service_levels: ServiceLevel[];
  symbols: { symbol: string; state: BookState; age_ms: number | null; status: Judgement }[];
  lake: { last_commit?: string | null; commit_age_ms?: number | null };
  /** Why it is not well, in words. */
  reasons?: string[];
}

export interface LakeTable {
  table: string;
  rows: number;
  bytes: number;
  files: number;
  snapshots: number;
  last_commit: string | null;
}

export interface Job {
  name: string;
  last_run: string | null;
  duration_ms: number | null;
  outcome: string | null;
  /** Why it failed. */
  detail: string | null;
  /** What the last run did. */
  done: Record<string, number>;
  /** What all runs did since the program began. */
  total: Record<string, number>;
}

export interface Lake {
  tables: LakeTable[];
  jobs: Job[];
  last_ingestion: string | null;
  total_records: number;
}

export interface Column {
  name: string;
  type: string;
}

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

export interface Rows {
  columns: Column[];
  rows: Value[][];
}

export interface SqlAnswer extends Rows {
  elapsed_ms: number;
  truncated: boolean;
}

export interface DeadLetter {
  time: string | null;
  topic: string | null;
  partition: number | null;
  offset: number | null;
  symbol?: string | null;
  reason: string;
  detail: string | null;
  payload: string | null;
  payload_bytes?: number | null;
}

export interface DayVolume {
  day: string;
  table: string;
  rows: number;
}
