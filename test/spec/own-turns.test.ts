/** Turns for Weir's own answers: what one network asks for is late by itself, and nobody else by it. */
import { expect, test } from 'vitest';
import { OwnTurns } from '../../src/wire/own-turns.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('one network has one in each turn of the loop, whoever else asks has another', async () => {
  const turns = new OwnTurns(setImmediate);
  const had: string[] = [];
  const ask = (network: string): void => {
    const turn = turns.enter(network);
    if (turn === null) had.push(network);
    else void turn.then(() => had.push(network));
  };
  for (let i = 0; i < 100; i++) ask('flood');
  expect(had).toEqual(['flood']);
  ask('small');
  expect(had).toEqual(['flood', 'small']);
  await nextTurn();
  ask('small');
  await nextTurn();
  expect(had.filter((network) => network === 'small')).toHaveLength(2);
  expect(had.length).toBeLessThanOrEqual(6);
  while (had.length < 102) await nextTurn();
  await nextTurn();
  expect(turns.enter('flood')).toBeNull();
});

test('all networks together have two, in rotation', async () => {
  const turns = new OwnTurns(setImmediate);
  const had: string[] = [];
  const networks = ['a', 'b', 'c', 'd'];
  for (let i = 0; i < 3; i++) {
    for (const network of networks) {
      const turn = turns.enter(network);
      if (turn === null) had.push(network);
      else void turn.then(() => had.push(network));
    }
  }
  expect(had).toEqual(['a', 'b']);
  while (had.length < 12) await nextTurn();
  for (const from of [0, 4, 8]) expect(had.slice(from, from + 4).toSorted()).toEqual(networks);
});
