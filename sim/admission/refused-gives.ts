import { asKind } from "../../src/adapters/object-semantics/stored-object.ts";
import type { AdmittedWrite } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";

/** The releases of node plug-ins that the admission policy has refused. */
export interface RefusedGives {
  /** Remembers a refused write if it is a release. */
  note(nodeName: string, write: AdmittedWrite): void;
  /**
   * When the node's last release of a volume was refused, in milliseconds of the run; undefined if none
   * was.
   */
  lastMs(nodeName: string, volumeName: string): number | undefined;
}

/** No refusal yet. */
export function createRefusedGives(clock: Pick<VirtualClock, "elapsedMs">): RefusedGives {
  const lastMs = new Map<string, number>();
  return {
    note: (nodeName, { kind, before, after }) => {
      if (kind !== "AzVolume" || before === undefined || after === undefined) return;
      const [held, holds] = [before, after].map(
        (object) => asKind<"AzVolume">(object).status?.record?.writer?.held,
      );
      if (held === true && holds === false)
        lastMs.set(`${nodeName} ${after.metadata.name}`, clock.elapsedMs());
    },
    lastMs: (nodeName, volumeName) => lastMs.get(`${nodeName} ${volumeName}`),
  };
}
