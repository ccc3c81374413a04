/** http-proxy 1.18 as most of its users run it, with an agent that keeps its connections. */
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';
import { serveBench } from '../child.ts';

const proxy = httpProxy.createProxyServer({
  target: process.argv[2] as string,
  agent: new Agent({ keepAlive: true, maxSockets: 256 }),
});

proxy.on('error', (_error, _request, response) => {
  if (response.headersSent) response.destroy();
  else response.writeHead(502).end();
});

serveBench(createServer({ keepAliveTimeout: 60_000 }, (request, response) => proxy.web(request, response)));
