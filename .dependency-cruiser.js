// The walls of the house: who may import what. Run by `npm run check:walls`.
// A rule's comment is what somebody reads who ran into the wall: the right room and the reason.

const model = '^src/model/';
const ports = '^src/ports[.]ts$';
const composition = '^src/(main[.]ts|commands/|house/)';

/** Node's own modules that only compute: no clock, no socket, no file. */
const pureNode = '^(node:)?(buffer|util)$';

/** Only what is listed may be imported from `room`. */
const only = (name, room, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: room },
  to: { pathNot: allowed },
});

export default {
  forbidden: [
    only(
      'model-imports-only-model',
      model,
      [model],
      'src/model is vocabulary and arithmetic, so that it can be read and tested without a world: no I/O, no clock, ' +
        'no package. What asks something of the world goes behind a port (src/ports.ts), its doing into ' +
        'src/adapters/<thing>/; a step of a request goes to src/stages/.',
    ),
    only(
      'ports-import-only-model',
      ports,
      [model],
      'src/ports.ts says what Weir asks of the world in the words of src/model; how it is done belongs to src/adapters/<thing>/.',
    ),
    only(
      'stages-import-model-and-ports',
      '^src/stages/',
      ['^src/stages/', model, ports, pureNode],
      'A stage decides by what it is given, so that scenarios run in virtual time: src/model and src/ports.ts only. ' +
        'Sockets, files, packages, Node modules and clocks go to src/adapters/<thing>/ behind a port; putting things together goes to ' +
        'src/proxy.ts; the endpoints that Weir answers itself are in src/webapp/.',
    ),
    only(
      'webapp-imports-model-and-ports',
      '^src/webapp/',
      ['^src/webapp/', model, ports, pureNode],
      'An endpoint of Weir’s own decides by what it is given: src/model and src/ports.ts only. Sockets, files, packages, Node modules ' +
        'and clocks go to src/adapters/<thing>/ behind a port; what a request passes before it gets here is in src/stages/.',
    ),
    only(
      'gateway-imports-stages',
      '^src/gateway[.]ts$',
      ['^src/(stages|webapp)/', model, ports],
      'src/proxy.ts is the story of a request on one screen: src/stages, src/webapp, src/model and src/ports.ts. ' +
        'Which adapter is behind a port is decided in src/house/.',
    ),
    {
      name: 'adapters-know-model-and-ports',
      severity: 'error',
      comment:
        'An adapter turns one outside thing into a port: of Weir it knows src/model and src/ports.ts, and its own folder. ' +
        'What needs two of them is put together in src/house/; decisions about requests belong to src/stages/.',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/', pathNot: ['^src/adapters/$1/', model, ports] },
    },
    {
      name: 'ops-knows-model-and-ports',
      severity: 'error',
      comment:
        'The ops port shows what it is handed: of Weir it knows src/model, src/ports.ts and its own folder. ' +
        'Who hands it what is decided in src/house/.',
      from: { path: '^src/ops/' },
      to: { path: '^src/', pathNot: ['^src/ops/', model, ports] },
    },
    {
      name: 'config-knows-model',
      severity: 'error',
      comment:
        'src/config says what can be configured, in the words of src/model. It starts nothing: ' +
        'what is made of the settings is decided in src/house/.',
      from: { path: '^src/config/' },
      to: { path: '^src/', pathNot: ['^src/config/', model] },
    },
    {
      name: 'simulator-stands-alone',
      severity: 'error',
      comment:
        'The simulator is the other side. Sharing code with Weir, it would share its mistakes, and the tests would not see them: ' +
        'write it from the contract again.',
      from: { path: '^src/simulator/' },
      to: { path: '^src/', pathNot: '^src/simulator/' },
    },
    {
      name: 'only-commands-start-the-simulator',
      severity: 'error',
      comment: 'To Weir the simulator is a Coreapp like any other, at an address. Only src/commands/ starts it.',
      from: { path: '^src/', pathNot: ['^src/simulator/', composition] },
      to: { path: '^src/simulator/' },
    },
    {
      name: 'nobody-imports-the-composition',
      severity: 'error',
      comment:
        'src/main.ts, src/commands/ and src/house/ put the house together; what others need from there has a room of its own.',
      from: { path: '^src/', pathNot: composition },
      to: { path: composition },
    },
    {
      name: 'src-needs-no-tools',
      severity: 'error',
      comment: 'What runs in production imports neither tests, benches and scripts nor development packages.',
      from: { path: '^(src|bin)/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'src-needs-no-development-packages',
      severity: 'error',
      comment: 'It would be missing in production: name it in "dependencies", or do without.',
      from: { path: '^(src|bin)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      comment: 'There is no such file or package; imports of files end in .ts.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'Files that import each other can’t be read one after the other: move what both need to a third.',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-dead-files',
      severity: 'error',
      comment: 'Nothing that starts from src/main.ts or bin/ready.js imports this file: use it or delete it.',
      from: { path: '^(src/main[.]ts|bin/ready[.]js)$' },
      to: { path: '^src/', pathNot: '^src/main[.]ts$', reachable: false },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
