/** `src/ops/openapi.json`: the description of the ops port as it serves it. People edit the YAML. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const source = new URL('../docs/reference/ops-port.openapi.yaml', import.meta.url);

export const openapi = (): string => `${JSON.stringify(parse(readFileSync(source, 'utf8')))}\n`;
