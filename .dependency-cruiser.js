// The walls of the code: who may import what. Run by `npm run check:walls`.
// A rule's comment is what somebody reads who ran into the wall: the right module and the reason.

/** Each subject, the subjects beneath it, and what to do if one of another side is needed. */
const subjects = {
  http: [
    [],
    'src/http reads and writes the texts of HTTP. It knows no request, no user and no configuration: have the value handed in.',
  ],
  shares: [
    [],
    'src/shares is the arithmetic of what one caller may have of something scarce. Of what, and whose, is said by those that ask.',
  ],
  'wire(?!/(server|client)/)': [
    ['shares', 'http'],
    'src/wire knows connections and bytes. What a request means belongs to the subject that asks for it. Sockets are opened in ' +
      'src/wire/server/ and src/wire/client/ only.',
  ],
  exchange: [
    ['http'],
    'src/exchange is what all subjects share of a request on its way, so it points at none of them: move the type here, or have ' +
      'the function handed in (src/proxy.ts).',
  ],
  bodies: [
    ['exchange', 'shares', 'http'],
    'src/bodies reads and keeps bodies, and counts what they take. Who asks is a name to it.',
  ],
  observe: [
    ['exchange', 'bodies', 'http'],
    'src/observe is where subjects tell what happened: they call it (Log, Meter), it calls none of them.',
  ],
  auth: [
    ['exchange', 'observe', 'shares', 'http'],
    'src/auth finds out who asks. How the endpoints for users look belongs to src/profiles/<api>/.',
  ],
  admission: [
    ['exchange', 'bodies', 'observe', 'shares', 'http'],
    'src/admission decides when a request may go. What an answer of the upstream means is said by the retry policy of the profile, ' +
      'and comes here as a Replay.',
  ],
  routing: [
    ['exchange', 'http'],
    'src/routing finds the class of a request by the patterns of the configuration. Endpoints that Weir answers itself belong to ' +
      'src/profiles/<api>/.',
  ],
  upstream: [
    ['exchange', 'bodies', 'observe', 'shares', 'http'],
    'src/upstream sends a request and does what the retry policy of the profile says of how that ended. When it goes again is decided ' +
      'in src/admission; the loop is in src/proxy.ts.',
  ],
  signals: [
    ['exchange', 'upstream', 'http'],
    'src/signals reads what an answer says of limits, by the rules of the configuration. What follows from that is decided in ' +
      'src/admission.',
  ],
  'profiles/[^/]+': [
    ['exchange', 'auth', 'observe', 'routing', 'upstream', 'http'],
    'A profile says what is special about one API. Another profile is none of its business; what both need has a module of its own.',
  ],
};

const clock = '^src/clock[.]ts$';
const moduleOf = (name) => `^src/${name}/`;
const every = Object.keys(subjects).map(moduleOf);
const sockets = '^src/wire/(server|client)/';
const composition = '^src/((main|ready|worker)[.]ts|commands/|app/|workers/)';

/** Node's own modules that only compute: no clock, no socket, no file. */
const pureNode = '^(node:)?(buffer|util)$';

/** Only what is listed may be imported from `from`. */
const only = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { pathNot: allowed },
});

/** Of Weir only what is listed may be imported from `from`; packages and Node's modules are free. */
const onlyOfWeir = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^src/', pathNot: allowed },
});

const byPortsOnly =
  ' A subject decides by what it is given, so that scenarios run in virtual time: no I/O, no clock, no package. What asks something ' +
  'of the outside goes behind a port (the subject’s ports.ts), its doing into src/adapters/<thing>/.';

export default {
  forbidden: [
    only(
      'clock-imports-nothing',
      clock,
      [clock],
      'src/clock.ts is one port; the machine’s clock is src/adapters/node/clock.ts.',
    ),
    ...Object.entries(subjects).map(([name, [beneath, comment]]) =>
      only(
        `${/^\w+/.exec(name)}-imports-what-is-beneath`,
        name.startsWith('profiles') ? '^src/profiles/([^/]+)/' : moduleOf(name),
        [name.startsWith('profiles') ? '^src/profiles/$1/' : moduleOf(name), clock, pureNode, ...beneath.map(moduleOf)],
        comment + byPortsOnly,
      ),
    ),
    only(
      'the-codec-stands-alone',
      '^src/wire/codec/',
      ['^src/wire/codec/', '^src/http/', pureNode],
      'src/wire/codec makes messages of bytes and bytes of messages. It knows no connection: what decides by what it says belongs to ' +
        'src/wire/server/ or src/wire/client/.',
    ),
    onlyOfWeir(
      'the-wires-ends-know-subjects',
      sockets,
      ['^src/wire/$1/', ...every, clock, '^src/config/tls-material[.]ts$'],
      'The server and the client of src/wire/ are the two ends of Weir’s traffic: each puts a port of a subject on sockets, and knows the ' +
        'codec, but not the other end. What both need is beside the codec; what decides about requests belongs to the subjects.',
    ),
    {
      name: 'only-the-app-opens-the-wire',
      severity: 'error',
      comment:
        'src/app/ decides which server and client are behind the ports: ask for the port (src/exchange/ports.ts, src/upstream/ports.ts).',
      from: { path: '^src/', pathNot: [sockets, composition] },
      to: { path: sockets },
    },
    only(
      'the-parts-of-admission-are-apart',
      '^src/admission/(line|rate|concurrency)/',
      ['^src/admission/$1/', '^src/exchange/', '^src/shares/', '^src/http/', clock],
      'src/admission/line (order), rate (slots) and concurrency (permits) don’t know one another: src/admission/gate.ts brings them together.',
    ),
    only(
      'proxy-imports-subjects',
      '^src/proxy[.]ts$',
      [...every, clock],
      'src/proxy.ts is the story of a request on one screen, told in the words of the subjects. Which adapter is behind a port is ' +
        'decided in src/app/.',
    ),
    onlyOfWeir(
      'adapters-know-subjects',
      '^src/adapters/([^/]+)/',
      ['^src/adapters/$1/', ...every, clock, '^src/config/(redis-url|file-text|tls-material)[.]ts$'],
      'An adapter turns one outside thing into a port: of Weir it knows the subjects, and its own folder. What needs two adapters is put ' +
        'together in src/app/; decisions about requests belong to the subjects.',
    ),
    onlyOfWeir(
      'ops-shows-what-it-is-handed',
      '^src/ops/',
      ['^src/ops/', '^src/observe/', '^src/wire/', '^src/http/', clock],
      'The ops port shows what it is handed (OpsSources): of Weir it knows src/observe, src/wire and src/http. Who hands it what is ' +
        'decided in src/app/.',
    ),
    onlyOfWeir(
      'config-knows-subjects',
      '^src/config/',
      ['^src/config/', ...every],
      'src/config says what can be configured, in the words of the subjects. It starts nothing: what is made of the settings is decided in src/app/.',
    ),
    {
      name: 'no-other-modules',
      severity: 'error',
      comment:
        'Modules are subjects, and docs/architecture.md has all of them: put the file into the subject that it serves. A new subject gets ' +
        'a module of its own, its row there and its walls here.',
      from: { path: '^(src|bin)/' },
      to: {
        path: '^src/',
        pathNot: [...every, sockets, clock, composition, '^src/(proxy[.]ts$|adapters/|config/|ops/|simulator/)'],
      },
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
        'src/main.ts, src/ready.ts, src/worker.ts, src/commands/, src/workers/ and src/app/ put everything together; what others need ' +
        'from there has a module of its own.',
      from: { path: '^src/', pathNot: composition },
      to: { path: composition },
    },
    {
      name: 'app-knows-no-commands',
      severity: 'error',
      comment: 'src/app/ is started by a command, and by tests: what it needs of the command line is handed in.',
      from: { path: '^src/app/' },
      to: { path: '^src/((main|ready|worker)[.]ts|commands/|simulator/|workers/)' },
    },
    {
      name: 'workers-know-no-commands',
      severity: 'error',
      comment:
        'src/workers/ makes one replica of several processes, each of which has an app. Signals, exit codes and the simulator belong to the ' +
        'command that starts it (src/commands/).',
      from: { path: '^src/workers/' },
      to: { path: '^src/((main|ready|worker)[.]ts|commands/|simulator/)' },
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
      name: 'packages-of-traces-are-loaded-when-needed',
      severity: 'error',
      comment:
        'The packages of OpenTelemetry take time and memory, and most do not need them: src/app/tracing.ts imports src/adapters/otel/ ' +
        'by import() where spans are sent.',
      from: { path: '^src/', pathNot: '^src/adapters/otel/' },
      to: { path: '^src/adapters/otel/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
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
      comment:
        'Nothing that starts from src/main.ts, src/ready.ts or src/worker.ts imports this file: use it or delete it.',
      from: { path: '^src/(main|ready|worker)[.]ts$' },
      to: { path: '^src/', pathNot: ['^src/(main|ready|worker)[.]ts$', '^src/ops/page/'], reachable: false },
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
