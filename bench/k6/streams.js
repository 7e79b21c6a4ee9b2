// Many WebSocket clients on all tickers: whether they stay connected and miss no message.
//
//   k6 run bench/k6/streams.js                    1,000 clients for 60 s at ws://127.0.0.1:8080
//
// How long a change takes from the board to a client, `stream_load` of this crate measures: k6's clock counts milliseconds.
import ws from 'k6/ws';
import { check } from 'k6';
import { Counter } from 'k6/metrics';

const url = __ENV.URL || 'ws://127.0.0.1:8080';
const clients = Number(__ENV.CLIENTS || 1000);
const seconds = Number(__ENV.SECONDS || 60);

const messages = new Counter('stream_messages');
const missed = new Counter('stream_messages_missed');

export const options = {
  scenarios: { streams: { executor: 'per-vu-iterations', vus: clients, iterations: 1, maxDuration: `${seconds + 30}s` } },
  thresholds: { checks: ['rate==1'], stream_messages_missed: ['count==0'] },
};

export default function () {
  let before = 0;
  let closed = null;
  const answer = ws.connect(`${url}/api/v1/stream`, {}, (socket) => {
    socket.on('open', () => socket.send(JSON.stringify({ op: 'subscribe', channel: 'tickers', symbols: ['*'] })));
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.channel !== 'tickers') {
        return;
      }
      messages.add(1);
      if (before > 0 && message.seq !== before + 1) {
        missed.add(message.seq - before - 1);
      }
      before = message.seq;
    });
    socket.on('close', (code) => {
      closed = code;
    });
    socket.setTimeout(() => {
      closed = 'done';
      socket.close();
    }, seconds * 1000);
  });
  check(answer, { connected: (got) => got && got.status === 101, 'stayed to the end': () => closed === 'done' || closed === 1005 || closed === 1000 });
}
