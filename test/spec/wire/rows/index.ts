import { fieldRows } from './fields.ts';
import { framingRows } from './framing.ts';
import { requestRows } from './requests.ts';
import type { Row } from './row.ts';

export const rows: readonly Row[] = [...requestRows, ...fieldRows, ...framingRows];
