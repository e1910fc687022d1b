import type { AdmittedWrite } from "../../src/adapters/simulated-store/simulated-store.ts";
import type { VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { objectsIn } from "../history/objects-in.ts";

/** The releases of node plug-ins that the admission policy has refused. */
export interface RefusedReleases {
  /** Remembers a refused write if it is a release. */
  note(nodeName: string, write: AdmittedWrite): void;
  /**
   * When the node's last release of a volume was refused, in milliseconds of the run; undefined if none
   * was.
   */
  lastMs(nodeName: string, volumeName: string): number | undefined;
}

/** No refusal yet. */
export function createRefusedReleases(clock: Pick<VirtualClock, "elapsedMs">): RefusedReleases {
  const lastMs = new Map<string, number>();
  return {
    note: (nodeName, write) => {
      const { before, after } = objectsIn(write, "AzVolume");
      const hadHeld = before?.status?.record?.writer?.held === true;
      if (hadHeld && after?.status?.record?.writer?.held === false)
        lastMs.set(`${nodeName} ${after.metadata.name}`, clock.elapsedMs());
    },
    lastMs: (nodeName, volumeName) => lastMs.get(`${nodeName} ${volumeName}`),
  };
}
