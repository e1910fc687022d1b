import { regionName, zoneValue } from "../../azure/topology.ts";
import type { DiskTopology } from "../../schedule/why-unreachable.ts";
import { type CopySource, zonesOfCopy } from "./copy-source.ts";

export interface CloneTopology {
  /** From where it is reachable. */
  readonly disk: DiskTopology;
  /** The same as zone values, such as `eastus-1`; a region where any zone of it will do. */
  readonly place: string;
}

/**
 * Where the clone of a disk will be that is not made yet, as `placeCopy` places it: in the region of its
 * source and, unless it is zone-redundant, also in its zone. The clone of a disk without a zone goes to any
 * zone.
 */
export function cloneTopology(
  source: Pick<CopySource, "location" | "zones">,
  { skuName, platform }: Pick<DiskTopology, "skuName" | "platform">,
): CloneTopology {
  const location = regionName(source.location);
  const zones = zonesOfCopy(source, skuName);
  return {
    disk: { location, skuName, zones: zones.length === 0 ? undefined : zones, platform },
    place: zones.length === 0 ? location : zones.map((zone) => zoneValue({ location, zone })).join(", "),
  };
}
