// Book, ticker and bars at a fixed rate, and whether the targets are met.
//
//   k6 run bench/k6/api.js                        10,000 requests a second for 60 s at http://127.0.0.1:8080
//   k6 run -e RATE=500 -e SECONDS=5 -e URL=http://127.0.0.1:9000 bench/k6/api.js
import http from 'k6/http';
import { check } from 'k6';

const url = __ENV.URL || 'http://127.0.0.1:8080';
const rate = Number(__ENV.RATE || 10000);
const seconds = Number(__ENV.SECONDS || 60);

export const options = {
  discardResponseBodies: true,
  noConnectionReuse: false,
  scenarios: {
    reads: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: `${seconds}s`,
      preAllocatedVUs: Math.max(20, Math.ceil(rate / 100)),
      maxVUs: Math.max(100, Math.ceil(rate / 20)),
    },
  },
  thresholds: {
    http_req_failed: ['rate==0'],
    dropped_iterations: ['count==0'],
    http_req_duration: ['p(95)<=1', 'p(99)<=3'],
  },
  summaryTrendStats: ['avg', 'p(50)', 'p(95)', 'p(99)', 'max'],
};

export function setup() {
  const answer = http.get(`${url}/api/v1/symbols`, { responseType: 'text' });
  const symbols = answer.json('symbols').filter((entry) => entry.state === 'live');
  if (symbols.length === 0) {
    throw new Error('no live book is served there');
  }
  return symbols.map((entry) => entry.symbol);
}

export default function (symbols) {
  const symbol = symbols[Math.floor(Math.random() * symbols.length)];
  const what = __ITER % 3;
  const path = what === 0 ? `book/${symbol}?depth=20` : what === 1 ? `ticker/${symbol}` : `bars/${symbol}?limit=${__ENV.BARS || 60}`;
  const answer = http.get(`${url}/api/v1/${path}`, { tags: { name: path.split('/')[0] } });
  check(answer, { answered: (got) => got.status === 200 });
}
