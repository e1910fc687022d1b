import type { AzVolume, DiskSpec } from "../../api/az-volume.ts";
import { type SpecField, type VolumeParameterName, volumeParameterTable } from "./volume-parameter-table.ts";
import type { VolumeParameters } from "./volume-parameters.ts";

/** What parameters state of a disk: each in the field that its row of the table names. */
export function diskFieldsOf(parameters: VolumeParameters): Omit<DiskSpec, "sizeGiB" | "zone"> {
  const stated = Object.entries(parameters).flatMap(([name, value]) => {
    const [part, field] = volumeParameterTable[name as VolumeParameterName].field.split(".");
    return part === "disk" && field !== undefined && value !== undefined ? [[field, value] as const] : [];
  });
  return Object.fromEntries(stated) as Omit<DiskSpec, "sizeGiB" | "zone">;
}

/** The value of a field that parameters state; undefined: absent. */
export function fieldOf(spec: AzVolume["spec"], field: SpecField): unknown {
  const [name, inDisk] = field.split(".");
  return inDisk === undefined ? spec[name as keyof AzVolume["spec"]] : spec.disk[inDisk as keyof DiskSpec];
}
