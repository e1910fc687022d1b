import type { SimSource } from "../../kubernetes/sim-cluster.ts";
import type { VolumeClass } from "../../kubernetes/volume-class.ts";

/** The final state of a volume that its user has requested. */
export interface DesiredVolume {
  readonly volumeName: string;
  /** Whether its claim still exists. */
  readonly exists: boolean;
  /** The last size requested, in GiB. */
  readonly sizeGiB: number;
  /** The VolumeAttributesClass requested last; undefined: none was. */
  readonly volumeClass: VolumeClass | undefined;
  readonly pods: 0 | 1;
  readonly replicas: number;
  /** How many pods share it while there are any. */
  readonly members: number;
  readonly access: "mount" | "block";
  /** What it is to be made of; undefined: it is made empty. */
  readonly source: SimSource | undefined;
  /** Other clients destroyed its disk: it cannot run, and only has to be deletable. */
  readonly isDestroyed: boolean;
  /** A fault requested it: the same scenario without faults has none. */
  readonly isOfFault: boolean;
}
