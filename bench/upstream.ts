/**
 * The upstream of the bench: reads the request, answers one fixed page, and a GET with 10 MB. As cheap as Node's own server
 * can be.
 */
import { createServer } from 'node:http';
import { serveBench } from './child.ts';

const body = Buffer.from(
  '{"messages":[{"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU"}],"meta":{"version":"v2.35.4","api_status":"stable"}}',
);
const large = Buffer.alloc(10_000_000, 'x');
const fields = ['Content-Type', 'application/json', 'Content-Length', String(body.length)];

serveBench(
  createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume();
    request.on('end', () => {
      if (request.method === 'GET') return void response.end(large);
      response.writeHead(200, fields);
      response.end(body);
    });
  }),
);
