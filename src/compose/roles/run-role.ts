import { Registry } from "prom-client";
import { createCountedSteps } from "../../adapters/observe/counted-steps.ts";
import { withCrashPoint } from "../../adapters/observe/crashing-steps.ts";
import { startHealthServer } from "../../adapters/observe/health-server.ts";
import { createLoopMetrics, registerProcessMetrics } from "../../adapters/observe/metrics.ts";
import { createPinoLogger } from "../../adapters/observe/pino-logger.ts";
import { collectWhenQuiet, processHeap } from "../../adapters/system/collect-when-quiet.ts";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import type { Options, Values } from "../../cli/options.ts";
import { answerNoRun } from "../../cli/read-command-line.ts";
import { driverVersion } from "../../cli/version.ts";
import { stackOf } from "../../core/failure/message-of.ts";
import { parseListenAddress } from "../../core/primitives/listen-address.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logger } from "../../ports/logger.ts";
import type { LoopObserver } from "../../ports/loop-observer.ts";
import type { Random } from "../../ports/random.ts";
import type { Steps } from "../../ports/steps.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import { variablesWithoutEffect } from "../settings/flags-of-v1.ts";
import type { processOptions } from "../settings/process-options.ts";
import { readSettings, type RoleSettings } from "../settings/read-settings.ts";
import { asSet } from "../settings/wrong-setting.ts";

export interface ProcessPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly steps: Steps;
  readonly loops: LoopObserver;
  readonly registry: Registry;
  /** Aborted when the process has to end: all background work stops then. */
  readonly lifetime: AbortSignal;
}

export interface RunningRole {
  /** What it serves, for the line that reports it ready. */
  readonly serves: Readonly<Record<string, string>>;
  /** Why it can't do its work now; undefined if it can. */
  readonly whyNotReady: () => string | undefined;
  /**
   * Why only a new process could do its work; undefined if it is well. Without this function it is well
   * as long as it runs.
   */
  readonly whyNotAlive?: () => Promise<string | undefined>;
  /**
   * Settles when the role's own work has ended: after `lifetime` is aborted, or with the error that
   * ended it.
   */
  readonly work: Promise<void>;
  /** Ends calls under way: lets them finish until `signal` is aborted. */
  drain(signal: AbortSignal): Promise<void>;
  /** Closes files and connections, last of all. */
  close(): Promise<void>;
}

export interface Role<T extends Options & typeof processOptions> extends RoleSettings<T> {
  /** Works in bursts: the garbage of each is collected after it. Only with --expose-gc. */
  readonly collectsWhenQuiet?: true;
  start(values: Values<T>, ports: ProcessPorts): Promise<RunningRole>;
}

/**
 * Runs a role until SIGTERM or SIGINT, or until it fails; returns the exit code. Prints one JSON line
 * when it is ready.
 */
export async function runRole<T extends Options & typeof processOptions>(
  role: Role<T>,
  argv: readonly string[],
): Promise<number> {
  const command = await readSettings(role, argv);
  if (command.kind !== "Run") return answerNoRun(command);
  const { values } = command;
  const common = values as Values<typeof processOptions>;
  const logger = createPinoLogger({ level: common.logLevel, fields: { role: role.name } });
  const withoutEffect = variablesWithoutEffect(process.env);
  if (withoutEffect.length > 0)
    logger.info("environment variables of V1 have no effect here", { names: withoutEffect });
  const ending = new AbortController();
  const signalled = untilSignalled();
  const registry = new Registry();
  registerProcessMetrics(registry, driverVersion);
  const steps = withCrashPoint(createCountedSteps({ registry, clock: systemClock }), process.env);
  let running: RunningRole | undefined;
  // Served from the start: a process that waits for a store or an API server is not ready yet, but need
  // not be killed for it.
  const { httpEndpoint: endpoint = "" } = common;
  const address = parseListenAddress(endpoint);
  const health =
    address === undefined
      ? undefined
      : await asSet("http-endpoint", endpoint, () =>
          startHealthServer({
            address,
            registry,
            whyNotReady: () => (running === undefined ? "the role is starting" : running.whyNotReady()),
            whyNotAlive: async () => running?.whyNotAlive?.(),
          }),
        );
  try {
    const starting = role.start(values, {
      clock: systemClock,
      random: systemRandom,
      logger,
      steps,
      loops: createLoopMetrics(registry),
      registry,
      lifetime: ending.signal,
    });
    running = await startedUnlessSignalled(starting, signalled, ending);
  } finally {
    if (running === undefined) {
      // What had started before the failure would keep the process alive without serving, so that
      // nothing restarts it.
      ending.abort();
      await health?.close();
    }
  }
  if (running === undefined) {
    logger.info("stopping", { signal: await signalled });
    return 0;
  }
  process.stdout.write(
    `${JSON.stringify({ ready: role.name, ...running.serves, ...(health === undefined ? {} : { http: health.address }) })}\n`,
  );

  const failed = running.work.then(
    () => undefined,
    (error: unknown) => error,
  );
  const heap = processHeap();
  const collecting =
    heap !== undefined && role.collectsWhenQuiet === true
      ? collectWhenQuiet(heap, systemClock, ending.signal)
      : // Frees what start-up left behind; V8 would keep it until memory is short.
        heap?.collect();
  const why = await Promise.race([signalled, failed]);
  const isFailure = why !== undefined && typeof why !== "string";
  if (isFailure) logger.error("role ended by an error", { error: stackOf(why) });
  else logger.info("stopping", { signal: why });
  // Lets calls under way finish, for as long as the grace period allows.
  await withTimeout(systemClock, common.shutdownGraceMs, (signal) => running.drain(signal));
  ending.abort();
  await failed;
  await collecting;
  await health?.close();
  await running.close();
  return isFailure ? 1 : 0;
}

/** What was started; undefined if the process had to end before. Throws what starting throws. */
async function startedUnlessSignalled(
  starting: Promise<RunningRole>,
  signalled: Promise<string>,
  ending: AbortController,
): Promise<RunningRole | undefined> {
  const settled = starting.then(
    () => undefined,
    () => undefined,
  );
  if ((await Promise.race([settled, signalled])) !== undefined) ending.abort();
  try {
    return await starting;
  } catch (error) {
    if (ending.signal.aborted) return undefined;
    throw error;
  }
}

function untilSignalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
}
