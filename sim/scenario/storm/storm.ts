import { resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import type { FaultContext } from "../../faults/fault-class.ts";
import { faultClasses } from "../../faults/fault-classes.ts";
import type { SimWorld } from "../../world.ts";
import type { Scenario, TimedFault } from "../scenario.ts";
import { createHealing, type HealingParts, type HealingStep } from "./healing.ts";

/** The acts and faults of a scenario, from the moment it was made. */
export interface Storm {
  /** When something is due next, by the world's clock; undefined once the storm is over. */
  nextAtMs(): number | undefined;
  /** Does all that is due now. */
  doDue(): void;
  /** What operators do after the storm so that everything can come to rest. */
  healing(): readonly HealingStep[];
}

interface Entry {
  readonly atMs: number;
  readonly act: () => void;
}

/** A cordon is taken back after this long, in milliseconds. */
const UNCORDON_MS = 20_000;
const LOOK_EVERY_MS = 200;

/** What a storm acts on. */
interface StormParts extends HealingParts {
  readonly scenario: Pick<Scenario, "acts" | "faults" | "stormMs">;
  /** The cluster that shares the resource group, if any. */
  readonly beside: SimWorld | undefined;
}

/** The storm begins when `doDue` is called first. */
export function createStorm(parts: StormParts): Storm {
  const { scenario, world, outside, operations } = parts;
  const { clock } = world;
  const entries: Entry[] = [];
  const left = { toRestart: new Set<string>(), attachedByHand: new Set<string>() };
  const underWay = new Map<TimedFault, () => void>();
  let isBegun = false;
  const over = new AbortController();

  function add(atMs: number, act: () => void): void {
    let at = entries.length;
    while (at > 0 && (entries[at - 1]?.atMs ?? 0) > atMs) at--;
    entries.splice(at, 0, { atMs, act });
  }

  function begin(): void {
    isBegun = true;
    const startedAtMs = clock.elapsedMs();
    world.trace.note("weather", "the storm begins");
    for (const { atMs, act } of scenario.acts) {
      add(startedAtMs + atMs, () => operations.act(act));
      if (act.kind === "move" || act.kind === "drain")
        add(startedAtMs + atMs + UNCORDON_MS, operations.uncordonAll);
    }
    for (const fault of scenario.faults) {
      add(startedAtMs + fault.atMs, () => strike(fault));
      add(startedAtMs + Math.min(fault.atMs + fault.forMs, scenario.stormMs), () => endFault(fault));
    }
    add(startedAtMs + scenario.stormMs, end);
  }

  function strike(fault: TimedFault): void {
    world.trace.note(
      "fault",
      `${fault.fault}/${fault.variant} begins (${fault.nodeName}, ${fault.volumeName}, ${fault.dice})`,
    );
    const variant = faultClasses[fault.fault].variants[fault.variant];
    if (variant === undefined) return;
    const { delaysNews = false } = variant;
    if (delaysNews) outside.noteDelayedNews(true);
    let isEnded = false;
    const context = faultContext(parts, left, { storm: over.signal, isFaultOver: () => isEnded });
    const undo = variant.begin(context, fault);
    underWay.set(fault, () => {
      isEnded = true;
      undo();
      if (delaysNews) outside.noteDelayedNews(false);
    });
  }

  function endFault(fault: TimedFault): void {
    const undo = underWay.get(fault);
    if (undo === undefined) return;
    underWay.delete(fault);
    world.trace.note("fault", `${fault.fault}/${fault.variant} ends`);
    undo();
  }

  function end(): void {
    for (const fault of [...underWay.keys()]) endFault(fault);
    over.abort(new Error("the storm is over"));
    entries.length = 0;
  }

  return {
    nextAtMs: () => (isBegun ? entries[0]?.atMs : clock.elapsedMs()),
    doDue: () => {
      if (!isBegun) begin();
      for (
        let first = entries[0];
        first !== undefined && first.atMs <= clock.elapsedMs();
        first = entries[0]
      ) {
        entries.shift();
        first.act();
      }
    },
    healing: () => createHealing(parts, left),
  };
}

/** What a fault may use, until it and the storm are over. `left` gets what it leaves behind. */
function faultContext(
  { world, beside, outside, nodeNames, desired, operations }: StormParts,
  left: { readonly toRestart: Set<string>; readonly attachedByHand: Set<string> },
  over: { readonly storm: AbortSignal; readonly isFaultOver: () => boolean },
): FaultContext {
  const { clock, cluster } = world;

  // By the clock itself: a strike at a step of a process may ask for it between two looks at what is due.
  function later(ms: number, act: () => void): void {
    clock
      .sleep(ms, over.storm)
      .then(
        () => {
          if (!over.storm.aborted) act();
        },
        (error: unknown) => {
          if (!over.storm.aborted) throw error;
        },
      )
      .catch((error: unknown) =>
        world.report({
          invariant: "crashed",
          detail: `a fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        }),
      );
  }

  function when<T>(
    find: () => T | false | undefined,
    act: (found: T) => void,
    everyMs: number = LOOK_EVERY_MS,
  ): void {
    if (over.isFaultOver()) return;
    const found = find();
    if (found === undefined || found === false) later(everyMs, () => when(find, act, everyMs));
    else act(found);
  }

  return {
    world,
    beside,
    outside,
    get nodeNames() {
      return nodeNames();
    },
    later,
    when,
    create: (workload) => {
      operations.act({ kind: "apply", workload });
      desired.ofFault(workload.volumeName);
    },
    act: operations.act,
    grow: (volumeName, sizeGiB) => operations.act({ kind: "grow", volumeName, sizeGiB }),
    destroyed: desired.destroyed,
    toRestart: (volumeName) => {
      left.toRestart.add(volumeName);
      left.attachedByHand.add(resourceUriKey(cluster.diskUriOf(volumeName) ?? ""));
    },
  };
}
