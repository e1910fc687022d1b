import type { OxlintConfig } from "oxlint";

/**
 * Which of our layers (folders under src/) a layer's files may import, and which packages they may not.
 * Every layer that is not named is refused.
 */
interface Layer {
  readonly files: readonly string[];
  readonly mayImport: readonly string[];
  /**
   * Gitignore-style patterns of modules that may be imported from a layer that is otherwise closed, for
   * example the ARM port of the provisioner.
   */
  readonly except?: readonly string[];
  readonly closedPackages: readonly string[];
  /** Whether real time and randomness are allowed here: adapters and the emulator's edges. */
  readonly isEdge?: true;
}

/** Every folder of src/; a test compares this list with the tree. */
export const SOURCE_LAYERS = [
  "core",
  "ports",
  "provisioner",
  "runtime",
  "objects",
  "controller",
  "node",
  "csi",
  "scheduler-extender",
  "adapters",
  "emulator",
  "cli",
  "compose",
] as const;
const TOP_LEVEL_FOLDERS = ["demo", "test", "sim", "bench", "scripts", "deploy", "testbed"] as const;

/**
 * The unit tests and contract suites under one folder of src/, and the builders and worlds that only tests
 * use (`testing/`).
 */
function testsIn(folder: string): readonly string[] {
  return [`src/${folder}**/*.{test,contract}.ts`, `src/${folder}**/testing/*.ts`];
}

/** A specifier without a leading dot: a package or a Node module. */
const ANY_PACKAGE = "^[^.]";
/** No look-ahead: oxlint's engine does not support it and would silently match nothing. */
const ANY_PACKAGE_BUT_SCHEMAS = "^([^.z]|z[^o]|zo[^d]|zod[^/])";
const ANY_PACKAGE_BUT_CRYPTO = "^([^.n]|n[^o]|no[^d]|nod[^e]|node[^:]|node:([^c]|c[^r]))";
const AZURE_SDK = "^@azure/";
const SCHEMA_LIBRARY = "^zod(/|$)";
const LOGGING_AND_METRICS = "^(pino|prom-client)(/|$)";
const FOREIGN_FUNCTIONS = "^koffi(/|$)";

/** Layers, innermost first. A later row overrides earlier ones for the files it names. */
const LAYERS: readonly Layer[] = [
  { files: ["src/core/**"], mayImport: ["core"], closedPackages: [ANY_PACKAGE_BUT_SCHEMAS, SCHEMA_LIBRARY] },
  // Node's hash is a pure function.
  { files: ["src/core/primitives/sha256.ts"], mayImport: ["core"], closedPackages: [ANY_PACKAGE_BUT_CRYPTO] },
  { files: ["src/core/**/*.schema.ts"], mayImport: ["core"], closedPackages: [ANY_PACKAGE_BUT_SCHEMAS] },
  { files: ["src/ports/**"], mayImport: ["core", "ports"], closedPackages: [ANY_PACKAGE] },
  {
    files: ["src/provisioner/**"],
    mayImport: ["core", "ports", "runtime", "provisioner"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/runtime/**"],
    mayImport: ["core", "ports", "runtime"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/objects/**"],
    mayImport: ["core", "ports", "runtime", "objects"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/controller/**"],
    mayImport: ["core", "ports", "runtime", "objects", "controller"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/node/**"],
    mayImport: ["core", "ports", "runtime", "objects", "node"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/csi/**"],
    mayImport: ["core", "ports", "runtime", "objects", "controller", "node", "csi"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/scheduler-extender/**"],
    mayImport: ["core", "ports", "scheduler-extender"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  { files: ["src/emulator/**"], mayImport: ["emulator"], closedPackages: [AZURE_SDK] },
  {
    files: ["src/emulator/{http,data-plane,state}/**"],
    mayImport: ["emulator"],
    closedPackages: [AZURE_SDK],
    isEdge: true,
  },
  {
    files: ["src/emulator/main.ts", "src/emulator/command-line.ts"],
    mayImport: ["emulator", "cli"],
    closedPackages: [AZURE_SDK],
    isEdge: true,
  },
  {
    files: ["src/adapters/**"],
    mayImport: ["core", "ports", "adapters"],
    except: ["provisioner/arm/**"],
    closedPackages: [AZURE_SDK, FOREIGN_FUNCTIONS],
    isEdge: true,
  },
  {
    files: ["src/adapters/azure-sdk/**"],
    mayImport: ["core", "ports", "adapters"],
    except: ["provisioner/**"],
    closedPackages: [SCHEMA_LIBRARY, FOREIGN_FUNCTIONS],
    isEdge: true,
  },
  {
    files: ["src/adapters/arm-model/**"],
    mayImport: ["core", "ports", "adapters"],
    except: ["provisioner/**", "emulator/model/**"],
    closedPackages: [AZURE_SDK, FOREIGN_FUNCTIONS],
    isEdge: true,
  },
  // The one file of the driver that calls functions of the system: Node can't listen on Windows' sockets.
  {
    files: ["src/adapters/unix-sockets/load-winsock.ts"],
    mayImport: ["adapters"],
    closedPackages: [AZURE_SDK, SCHEMA_LIBRARY, LOGGING_AND_METRICS],
    isEdge: true,
  },
  {
    files: ["src/cli/**"],
    mayImport: ["core", "ports", "cli"],
    closedPackages: [AZURE_SDK, FOREIGN_FUNCTIONS],
  },
  {
    files: ["src/compose/**", "src/main.ts"],
    mayImport: SOURCE_LAYERS.filter((layer) => layer !== "emulator"),
    closedPackages: [AZURE_SDK, FOREIGN_FUNCTIONS],
  },
];

/**
 * Unit tests may use any package and, outside core and emulator, any fake of another layer: no role loads
 * them.
 */
const TEST_LAYERS: readonly Layer[] = [
  { files: testsIn(""), mayImport: SOURCE_LAYERS, closedPackages: [] },
  {
    files: testsIn("core/"),
    mayImport: ["core"],
    closedPackages: [AZURE_SDK, LOGGING_AND_METRICS, FOREIGN_FUNCTIONS],
  },
  { files: testsIn("adapters/"), mayImport: SOURCE_LAYERS, closedPackages: [], isEdge: true },
  { files: testsIn("emulator/"), mayImport: ["emulator"], closedPackages: [] },
  {
    files: testsIn("emulator/{http,data-plane,state}/"),
    mayImport: ["emulator"],
    closedPackages: [],
    isEdge: true,
  },
];

const TIMER_MODULES = [
  "node:timers",
  "node:timers/promises",
  "timers",
  "timers/promises",
  "node:perf_hooks",
  "perf_hooks",
];
const TIMER_ADVICE = "Time is a port: take a Clock (src/ports/clock.ts).";
const CHANCE_ADVICE = "Chance is a port: take a Random (src/ports/random.ts).";

/** `timestamp.ts` converts times and reads no clock. */
const EDGES = [
  ...LAYERS.filter((layer) => layer.isEdge === true).flatMap((layer) => layer.files),
  "src/emulator/system-clock.ts",
  "src/core/primitives/timestamp.ts",
];

function importRules(layer: Layer): NonNullable<OxlintConfig["rules"]> {
  const closedLayers = SOURCE_LAYERS.filter((name) => !layer.mayImport.includes(name));
  const exceptions = (layer.except ?? []).map((pattern) => `!**/../${pattern}`);
  const patterns = [
    {
      group: [...closedLayers.map((name) => `**/../${name}/**`), ...exceptions],
      message: `${layer.files.join(", ")} may import only ${layer.mayImport.join(", ")}.`,
    },
    { regex: "(^|/)main\\.ts$", message: "A program's entry is started, not imported." },
    { regex: `(^|/)\\.\\./(${TOP_LEVEL_FOLDERS.join("|")})/`, message: "Sources import sources only." },
    // A type costs nothing at run time. Only the schema library's types are used outside their layer, to
    // infer a resource's type from its schema.
    ...layer.closedPackages.map((regex) => ({
      regex,
      allowTypeImports: regex === SCHEMA_LIBRARY,
      message: "This layer does not use this package: see oxlint.config.ts.",
    })),
  ];
  const paths = layer.isEdge === true ? [] : TIMER_MODULES.map((name) => ({ name, message: TIMER_ADVICE }));
  return { "no-restricted-imports": ["error", { paths, patterns }] };
}

const CLOCK_GLOBALS = ["Date", "setTimeout", "setInterval", "performance"];

const TIME_AND_CHANCE: NonNullable<OxlintConfig["rules"]> = {
  "no-restricted-globals": [
    "error",
    ...[...CLOCK_GLOBALS, "setImmediate"].map((name) => ({ name, message: TIMER_ADVICE })),
  ],
  "no-restricted-properties": [
    "error",
    { object: "Math", property: "random", message: CHANCE_ADVICE },
    { object: "crypto", property: "randomUUID", message: CHANCE_ADVICE },
    { object: "crypto", property: "getRandomValues", message: CHANCE_ADVICE },
    { object: "AbortSignal", property: "timeout", message: TIMER_ADVICE },
    { object: "process", property: "hrtime", message: TIMER_ADVICE },
    { object: "process", property: "uptime", message: TIMER_ADVICE },
    ...[...CLOCK_GLOBALS, "setImmediate", "crypto"].map((property) => ({
      object: "globalThis",
      property,
      message: TIMER_ADVICE,
    })),
  ],
};

/** node:test awaits the functions that it runs, so its own calls need no await. */
const NODE_TEST_CALLS: { from: "package"; package: string; name: string[] } = {
  from: "package",
  package: "node:test",
  name: ["describe", "it", "suite", "test", "before", "after", "beforeEach", "afterEach"],
};

/** A test may yield to the event loop while it waits for a condition. */
const TIME_IN_TESTS: NonNullable<OxlintConfig["rules"]> = {
  "no-restricted-globals": ["error", ...CLOCK_GLOBALS.map((name) => ({ name, message: TIMER_ADVICE }))],
};

const FREE_TIME_AND_CHANCE: NonNullable<OxlintConfig["rules"]> = {
  "no-restricted-globals": "off",
  "no-restricted-properties": "off",
};

export default {
  plugins: ["typescript", "import", "oxc", "unicorn", "promise", "node"],
  categories: { correctness: "error" },
  options: { typeAware: true },
  ignorePatterns: ["**/gen/**", "dist/**", ".cache/**", "node_modules/**"],
  rules: {
    eqeqeq: "error",
    "no-console": "off",
    "no-var": "error",
    // Properties that a pattern omits on purpose start with an underscore.
    "no-unused-vars": [
      "error",
      { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true },
    ],
    "prefer-const": "error",
    // A copy protects a loop against changes of the collection that it iterates over.
    "unicorn/no-useless-spread": "off",
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-default-export": "error",
    // Our objects are closures: their methods do not use `this`.
    "typescript/unbound-method": "off",
    "typescript/await-thenable": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": [
      "error",
      { ignoreVoid: false, allowForKnownSafeCalls: [NODE_TEST_CALLS] },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "no-throw-literal": "error",
    "typescript/return-await": ["error", "error-handling-correctness-only"],
    "typescript/switch-exhaustiveness-check": [
      "error",
      { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
    ],
  },
  overrides: [
    { files: ["src/**", "sim/**"], rules: TIME_AND_CHANCE },
    { files: [...testsIn("")], rules: TIME_IN_TESTS },
    { files: EDGES, rules: FREE_TIME_AND_CHANCE },
    ...[...LAYERS, ...TEST_LAYERS].map((layer) => ({ files: [...layer.files], rules: importRules(layer) })),
    {
      files: ["src/**"],
      excludeFiles: [...testsIn(""), "src/main.ts", "src/emulator/main.ts", "src/cli/**"],
      rules: { "no-console": "error" },
    },
    { files: ["oxlint.config.ts"], rules: { "import/no-default-export": "off" } },
  ],
} satisfies OxlintConfig;
