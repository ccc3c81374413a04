export { createChunkReader } from './chunks.ts';
export { createResponseReader } from './responses.ts';
