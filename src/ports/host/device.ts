import type { Bytes } from "../../core/primitives/units.ts";

export interface Device {
  /** The kernel's name, such as `/dev/sdc`, with links resolved. */
  readonly path: string;
  /** Major and minor number, such as `8:32`. */
  readonly majorMinor: string;
  readonly sizeBytes: Bytes;
}
