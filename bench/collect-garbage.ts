/** Loaded before a process that is measured: at SIGUSR2 it collects its garbage and says on stderr what it has left. */
process.on('SIGUSR2', () => {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('start node with --expose-gc');
  gc();
  // What finalizers let go of is collected by the next one.
  setImmediate(() => {
    gc();
    process.stderr.write(`${JSON.stringify(process.memoryUsage())}\n`);
  });
});
