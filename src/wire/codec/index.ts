export { createChunkReader } from './chunks.ts';
export { createRequestReader } from './requests.ts';
export { createResponseReader } from './responses.ts';
