/**
 * Preloaded (`node --import`), it gives a process bugs: at SIGUSR2 an exception that nobody catches, at the next one a
 * rejection that nobody handles, and so on in turn.
 */
let bugs = 0;

process.on('SIGUSR2', () => {
  bugs += 1;
  if (bugs % 2 === 1) throw new Error(`bug ${bugs}, thrown`);
  void Promise.reject(new Error(`bug ${bugs}, rejected`));
});
