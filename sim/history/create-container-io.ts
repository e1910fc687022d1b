import type { ModelIo, OpenVolume } from "../../src/adapters/model-host/model-machine.ts";
import { type Clock, sleepUnlessAborted } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Trace } from "../trace.ts";
import { createAcknowledgedRecords, recordName } from "./acknowledged-records.ts";
import type { AcknowledgedRecords } from "./acknowledged-records.ts";
import type { ContainerIo, RunningContainer } from "./container-io.ts";
import type { Violation } from "./violation.ts";

/** How long a database is idle between two transactions, in milliseconds. */
const THINK_MS = [500, 6_000] as const;
/**
 * How long a record is only in the cache before it is synced, in milliseconds: sometimes a power loss or a
 * fence comes in between.
 */
const UNSYNCED_MS = [0, 1_500] as const;

/** How often a container is checked whose write waits for a thaw, in milliseconds. */
const FROZEN_AGAIN_MS = 100;

/** A database in each container, and the records acknowledged to them all. */
export function createContainerIo(options: {
  /** The world's clock; each container uses its machine's own. */
  readonly clock: Clock;
  readonly random: Random;
  readonly trace: Trace;
  readonly report: (violation: Omit<Violation, "atMs">) => void;
}): ContainerIo & { readonly records: AcknowledgedRecords } {
  const { random, trace, report } = options;
  const records = createAcknowledgedRecords(report);
  const between = ([least, most]: readonly [number, number]): number =>
    Math.floor(least + random.next() * (most - least));

  const sharedSeries = new Map<string, Map<string, ReturnType<typeof seriesOf>>>();
  /** What a container has to find: of a shared volume also what the others have written. */
  function allSeries(container: RunningContainer): Iterable<ReturnType<typeof seriesOf>> {
    const own = seriesOf(container);
    if (!container.isShared) return [own];
    const known = sharedSeries.get(container.volumeName) ?? new Map();
    sharedSeries.set(container.volumeName, known.set(own.series, own));
    return known.values();
  }

  async function transact(
    container: RunningContainer,
    volume: OpenVolume,
    life: AbortSignal,
  ): Promise<"stopped" | "failed"> {
    const { podName, podUid, machine } = container;
    const { series, writer } = seriesOf(container);
    const rest = async (ms: number): Promise<boolean> => {
      if (!life.aborted) await sleepUnlessAborted(machine.clock, ms, life);
      if (!life.aborted) await machine.passed();
      return !life.aborted;
    };
    while (await rest(between(THINK_MS))) {
      const number = records.count(series);
      const text = `${podUid} #${number}`;
      const name = recordName(number, writer);
      let written = volume.write(name, text);
      for (; written.kind === "frozen"; written = volume.write(name, text))
        if (!(await rest(FROZEN_AGAIN_MS))) return "stopped";
      if (!succeeded(written)) return failed("write");
      if (!(await rest(between(UNSYNCED_MS)))) break;
      if (!succeeded(volume.sync())) return failed("sync");
      records.acknowledge({ volumeName: series, number, text });
    }
    return "stopped";

    function failed(what: string): "failed" {
      trace.note(podName, `its ${what} fails on ${machine.nodeName}`);
      return "failed";
    }
  }

  return {
    records,
    run: async (container, stop) => {
      const { machine, path, podName } = container;
      const { series } = seriesOf(container);
      const boot = machine.boot();
      const life = AbortSignal.any([stop, boot]);
      if (life.aborted) return "stopped";
      const volume = machine.kernel.openVolume(path);
      if (volume === undefined) {
        // Without a device node the runtime has no device number: it starts nothing.
        if (container.access === "block") {
          trace.note(podName, `is not started on ${machine.nodeName}: there is no device at ${path}`);
          return "failed";
        }
        report({
          invariant: "synced-data-lost",
          detail:
            `${podName} was started on ${machine.nodeName} with nothing mounted at ${path}: it writes ` +
            "beside its disk",
        });
        return "failed";
      }
      try {
        const opened = volume.open();
        if (!succeeded(opened)) {
          trace.note(podName, `can't open its files on ${machine.nodeName}: ${opened.kind}`);
          return "failed";
        }
        for (const one of allSeries(container))
          records.compare(one.series, podName, (number) => {
            const answer = volume.read(recordName(number, one.writer));
            return answer.kind === "done" ? answer.text : undefined;
          });
        trace.note(podName, `reads ${records.count(series)} records on ${machine.nodeName}`);
        return await transact(container, volume, life);
      } finally {
        // Everything on it has ended with the machine: there is nothing left to write back.
        if (!boot.aborted) volume.close();
      }
    },
  };
}

/** The records of a volume, of which each pod that shares it has a series of its own. */
function seriesOf({ podUid, volumeName, isShared }: RunningContainer): {
  readonly series: string;
  readonly writer: string;
} {
  return isShared
    ? { series: `${volumeName}/${podUid}`, writer: `${podUid}-` }
    : { series: volumeName, writer: "" };
}

function succeeded(io: ModelIo): boolean {
  return io.kind === "done";
}
