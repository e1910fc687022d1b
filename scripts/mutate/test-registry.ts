type Body = (context: TestContext) => unknown;
type Hook = (context: TestContext) => unknown;

/** The part of `node:test`'s context that a test gets. */
interface TestContext {
  readonly name: string;
  readonly signal: AbortSignal;
  after(hook: Hook): void;
  diagnostic(text: string): void;
  skip(reason?: string): void;
}

/** The hooks of a `describe`. */
interface Suite {
  /** Hooks that have not been run yet. They run once, before the first test of the suite. */
  readonly before: Hook[];
  readonly beforeEach: Hook[];
  readonly afterEach: Hook[];
}

/** A test that can be run any number of times. */
export interface RegisteredTest {
  /** The titles around it and its own. */
  readonly title: string;
  /** Rejects if the test fails. */
  run(): Promise<void>;
}

interface Options {
  readonly skip?: boolean | string;
  readonly todo?: boolean | string;
}

/**
 * Replaces `node:test` where one thread runs tests repeatedly: it only collects them. `after` hooks never
 * run, so what a suite sets up stays until the thread ends.
 */
const registered: RegisteredTest[] = [];
let suites: readonly Suite[] = [emptySuite()];
let titles: readonly string[] = [];

/** Returns the tests registered since the last call. */
export function takeRegistered(): readonly RegisteredTest[] {
  suites = [emptySuite()];
  return registered.splice(0);
}

/** Registers a test. */
export function it(title: string, optionsOrBody?: Options | Body, bodyAfterOptions?: Body): void {
  const [options, body] = split(optionsOrBody, bodyAfterOptions);
  if (body === undefined || isLeftOut(options)) return;
  const around = suites;
  registered.push({ title: [...titles, title].join(" > "), run: () => runTest(title, around, body) });
}

/** Registers the tests of a suite. */
export function describe(title: string, optionsOrBody?: Options | Body, bodyAfterOptions?: Body): void {
  const [options, body] = split(optionsOrBody, bodyAfterOptions);
  if (body === undefined || isLeftOut(options)) return;
  const outer = { suites, titles };
  suites = [...suites, emptySuite()];
  titles = [...titles, title];
  const done: unknown = body(contextFor(title, []));
  ({ suites, titles } = outer);
  if (done instanceof Promise) throw new Error(`${title}: a suite that waits can't be registered`);
}

export const test = it;
export const suite = describe;

export const before = (hook: Hook): void => void suites.at(-1)?.before.push(hook);
export const beforeEach = (hook: Hook): void => void suites.at(-1)?.beforeEach.push(hook);
export const afterEach = (hook: Hook): void => void suites.at(-1)?.afterEach.push(hook);
export const after = (_hook: Hook): void => undefined;

async function runTest(title: string, around: readonly Suite[], body: Body): Promise<void> {
  const afterwards: Hook[] = [];
  const context = contextFor(title, afterwards);
  try {
    for (const { before: hooks } of around) for (const hook of hooks.splice(0)) await hook(context);
    for (const { beforeEach: hooks } of around) for (const hook of hooks) await hook(context);
    await body(context);
  } finally {
    for (const hook of afterwards) await hook(context);
    for (const { afterEach: hooks } of around.toReversed()) for (const hook of hooks) await hook(context);
  }
}

function contextFor(name: string, afterwards: Hook[]): TestContext {
  return {
    name,
    signal: new AbortController().signal,
    after: (hook) => void afterwards.push(hook),
    diagnostic: () => undefined,
    skip: () => undefined,
  };
}

function split(
  optionsOrBody: Options | Body | undefined,
  bodyAfterOptions: Body | undefined,
): readonly [Options, Body | undefined] {
  return typeof optionsOrBody === "function" ? [{}, optionsOrBody] : [optionsOrBody ?? {}, bodyAfterOptions];
}

function isLeftOut({ skip, todo }: Options): boolean {
  return (skip !== undefined && skip !== false) || (todo !== undefined && todo !== false);
}

function emptySuite(): Suite {
  return { before: [], beforeEach: [], afterEach: [] };
}
