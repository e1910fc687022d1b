import type { SimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { untilAborted } from "../../src/compose/until-aborted.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Events } from "../../src/ports/cluster/events.ts";
import type { Logger } from "../../src/ports/logger.ts";
import type { Random } from "../../src/ports/random.ts";
import type { StepName, Steps } from "../../src/ports/steps.ts";
import type { ObjectStore } from "../../src/ports/store/object-store.ts";
import type { Agenda } from "../agenda.ts";
import type { Violation } from "../history/violation.ts";
import type { Trace } from "../trace.ts";
import { type Gate, createGate, gatedClock, gatedStore } from "./gate.ts";
import type { CrashPlan, Moment, ProcessSlot, TakenStep } from "./process-slot.ts";
import { type SimLoggerOptions, createSimLogger } from "./sim-logger.ts";

/** One life of a process, as its code sees the outside. After its death nothing here responds any more. */
export interface ProcessLife {
  readonly gate: Gate;
  readonly clock: Clock;
  readonly store: ObjectStore;
  readonly random: Random;
  readonly steps: Steps;
  readonly logger: Logger;
  readonly events: Events;
  /** Aborted by SIGTERM, after the calls under way have ended. */
  readonly lifetime: AbortSignal;
  /** Aborted when it is dead, for any reason. */
  readonly died: AbortSignal;
  /** Such as `controller-1/3`: the third life. */
  readonly identity: string;
}

/** What runs in a life, once it serves. */
export interface RunningProcess {
  /** Resolves when its own work has ended. */
  readonly work: Promise<void>;
  /** Lets calls under way end, within the grace period. */
  readonly drain: () => Promise<void>;
  /** Awaited last of all. */
  readonly close: () => Promise<void>;
}

/** What a slot needs of its world. */
export interface ProcessWorld {
  readonly clock: Clock;
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly agenda: Agenda;
  readonly store: SimulatedStore;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}

/** The properties of a process. */
export interface ProcessOptions {
  readonly name: string;
  readonly world: ProcessWorld;
  /** The clock on which it runs. */
  readonly clock: Clock;
  /** Shut while its machine is frozen. */
  readonly machineGate?: Pick<Gate, "isShut" | "passed">;
  /** Whether there is a machine on which it could start. */
  readonly mayStart: () => boolean;
  /** Starts it; resolves once it serves. */
  readonly run: (life: ProcessLife) => Promise<RunningProcess>;
  /** Called at each death, before any other component notices it. */
  readonly onDeath?: () => void;
}

/**
 * How long kubelet takes to restart a container that has died, in milliseconds: the first time at once,
 * then 10 s doubling.
 */
const RESTART_MS = [500, 10_000, 20_000, 40_000] as const;
/** Steps that are remembered. */
const STEPS_MAX = 10_000;

interface Life extends ProcessLife {
  readonly ending: AbortController;
  readonly death: AbortController;
  running: RunningProcess | undefined;
}

/** A slot in which nothing runs yet. */
export function createProcessSlot(options: ProcessOptions): ProcessSlot {
  const { name, world } = options;
  const { trace, agenda } = world;
  const handle = world.store.handle(name);
  const pausing = createGate(options.machineGate);
  const steps: (TakenStep & { after: Moment | undefined })[] = [];
  let stepsBegun = 0;
  /** The crashes planned at future steps, and how many steps of that name are left until then. */
  const planned = new Map<CrashPlan, { readonly left: number; readonly strike: (taking: Life) => void }>();
  let aheadMs = 0;
  let lives = 0;
  let crashes = 0;
  let life: Life | undefined;

  function begin(): void {
    lives++;
    const gate = createGate(pausing);
    const [ending, death] = [new AbortController(), new AbortController()];
    const logging: SimLoggerOptions = { name, trace, report: world.report };
    const begun: Life = {
      gate,
      clock: { ...gatedClock(options.clock, gate), nowMs: () => options.clock.nowMs() + aheadMs },
      store: gatedStore(handle, gate),
      random: world.random(`${name}/${lives}`),
      steps: { run: (step, act) => runStep(begun, step, act) },
      logger: createSimLogger(logging),
      events: {
        emit: ({ about, reason, message }) =>
          trace.note(name, `reports ${about.kind} ${about.name}: ${reason}: ${message}`),
      },
      lifetime: ending.signal,
      died: death.signal,
      identity: `${name}/${lives}`,
      ending,
      death,
      running: undefined,
    };
    life = begun;
    trace.note(name, `starts (${begun.identity})`);
    live(begun).then(
      () => {
        // A process that was asked to end still has to close.
        if (!begun.lifetime.aborted) crash(begun, "ends without a request");
      },
      (error: unknown) => {
        if (life !== begun) return;
        const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
        world.report({ invariant: "crashed", detail: `${name}: ${detail}` });
        crash(begun, `ends by an error: ${detail}`);
      },
    );
  }

  async function live(begun: Life): Promise<void> {
    begun.running = await options.run(begun);
    await begun.running.work;
  }

  async function runStep<T>(taking: Life, step: StepName, act: () => Promise<T>): Promise<T> {
    if (taking.gate.isShut()) await taking.gate.passed();
    const taken = { step, before: now(), after: undefined as Moment | undefined };
    stepsBegun++;
    steps.push(taken);
    if (steps.length > STEPS_MAX * 2) steps.splice(0, STEPS_MAX);
    const due = takeDue(step);
    for (const { strike } of due.filter(({ plan }) => plan.moment === "before")) strike(taking);
    if (taking.gate.isShut()) await taking.gate.passed();
    const answer = await act();
    taken.after = now();
    for (const { strike } of due.filter(({ plan }) => plan.moment === "after")) strike(taking);
    if (taking.gate.isShut()) await taking.gate.passed();
    return answer;
  }

  function now(): Moment {
    return `${world.clock.elapsedMs()} ${trace.digest()} ${stepsBegun}`;
  }

  function takeDue(
    step: StepName,
  ): readonly { readonly plan: CrashPlan; readonly strike: (taking: Life) => void }[] {
    const due: { readonly plan: CrashPlan; readonly strike: (taking: Life) => void }[] = [];
    for (const [plan, { left, strike }] of planned) {
      if (plan.step !== step) continue;
      planned.set(plan, { left: left - 1, strike });
      if (left > 1) continue;
      planned.delete(plan);
      due.push({ plan, strike });
    }
    return due;
  }

  function strikeAt(moment: CrashPlan, strike: (taking: Life) => void): () => void {
    // The same plan may occur twice.
    const plan = { ...moment };
    let isCancelled = false;
    planned.set(plan, {
      left: plan.nth,
      strike: (taking) => {
        // Its step may have begun before it was cancelled.
        if (!isCancelled) strike(taking);
      },
    });
    return () => {
      isCancelled = true;
      planned.delete(plan);
    };
  }

  /** It dies by itself, and kubelet restarts it. */
  function crash(dying: Life, how: string): void {
    const delayMs = RESTART_MS[Math.min(crashes, RESTART_MS.length - 1)] ?? 0;
    crashes++;
    die(dying, how);
    agenda.after(delayMs, start);
  }

  /** From now on it has no effect on the outside. */
  function die(dying: Life, how: string): void {
    if (life !== dying) return;
    life = undefined;
    dying.gate.shut();
    pausing.open();
    trace.note(name, how);
    options.onDeath?.();
    dying.death.abort(new Error(`${name} is dead`));
  }

  function start(): void {
    if (life === undefined && options.mayStart()) begin();
  }

  return {
    name,
    store: handle,
    isRunning: () => life !== undefined,
    start,
    kill: () => {
      if (life !== undefined) die(life, "is killed");
    },
    stop: async () => {
      const stopping = life;
      if (stopping === undefined) return;
      trace.note(name, "is asked to end");
      const ending = (async (): Promise<void> => {
        await stopping.running?.drain();
        stopping.ending.abort(new Error("SIGTERM"));
        if (stopping.running !== undefined) await Promise.allSettled([stopping.running.work]);
        await stopping.running?.close();
      })();
      await Promise.race([ending, untilAborted(stopping.died)]);
      die(stopping, "has ended");
    },
    pause: () => pausing.shut(),
    resume: () => pausing.open(),
    isPaused: () => life !== undefined && pausing.isShut(),
    setWallClockAhead: (ms) => {
      aheadMs = ms;
    },
    crashAt: (plan) => strikeAt(plan, (taking) => crash(taking, `crashes ${plan.moment} ${plan.step}`)),
    strikeAt: (moment, strike) => strikeAt(moment, () => strike()),
    stepsTaken: () => steps,
    crashes: () => crashes,
  };
}
