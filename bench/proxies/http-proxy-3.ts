/** http-proxy-3 as its documentation starts it, with an agent that keeps its connections. */
import { Agent, createServer, ServerResponse } from 'node:http';
import { createProxyServer } from 'http-proxy-3';
import { serveBench } from '../child.ts';

const proxy = createProxyServer({
  target: process.argv[2] as string,
  agent: new Agent({ keepAlive: true, maxSockets: 256 }),
});

proxy.on('error', (_error, _request, response) => {
  if (!(response instanceof ServerResponse) || response.headersSent) response.destroy();
  else response.writeHead(502).end();
});

serveBench(createServer({ keepAliveTimeout: 60_000 }, (request, response) => proxy.web(request, response)));
