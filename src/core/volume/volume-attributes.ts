import type { FailureOf } from "../failure/failure.ts";
import { cachingModes } from "./disk-sku.ts";
import { laterParameterPrefix } from "./volume-parameter-names.ts";

/** A V1 attribute that acts at attach, stage or mount, and that this version does not serve. */
interface Unserved {
  /** Lower case. */
  readonly name: string;
  /** Values without effect, lower case; an empty value never has one. */
  readonly harmless: readonly string[];
  readonly problem: string;
}

const REMEDY = "volumeAttributes can't be changed: make a PersistentVolume of the same disk without it";

const unserved: readonly Unserved[] = [
  {
    name: "partition",
    harmless: [],
    problem:
      "is not served: this driver uses whole disks; copy the partition's files to a volume of this driver",
  },
  {
    name: "attachdiskinitialdelay",
    harmless: ["0"],
    problem: `is not served: attaches are not delayed; ${REMEDY}`,
  },
  {
    name: "writeacceleratorenabled",
    harmless: ["false"],
    problem: `is not served: disks are attached without write accelerator; ${REMEDY}`,
  },
  {
    name: "perfprofile",
    harmless: ["none"],
    problem: `is not served: devices keep the settings of the kernel; ${REMEDY}`,
  },
];

/**
 * The first attribute of a PersistentVolume (`spec.csi.volumeAttributes`, the volume context of CSI) that
 * V1 would apply at attach or mount, and that this version would drop. Parameters that only shaped the
 * new disk have had their effect and are no reason to refuse it.
 */
export function unservedAttribute(
  volumeContext: Readonly<Record<string, string>>,
): FailureOf<"InvalidArgument"> | undefined {
  for (const [name, value] of Object.entries(volumeContext).toSorted(([left], [right]) =>
    left < right ? -1 : 1,
  )) {
    const problem = value === "" ? undefined : problemOf(name.toLowerCase(), value);
    if (problem !== undefined)
      return { kind: "InvalidArgument", field: `volume_context.${name}`, value, problem };
  }
  return undefined;
}

function problemOf(name: string, value: string): string | undefined {
  if (name.startsWith(laterParameterPrefix))
    return `is not served: devices keep the settings of the kernel; ${REMEDY}`;
  if (name === "cachingmode") {
    const isKnown = cachingModes.some((mode) => mode === value);
    return isKnown ? undefined : `must be one of ${cachingModes.join(", ")}; ${REMEDY}, or with one of them`;
  }
  const found = unserved.find((attribute) => attribute.name === name);
  return found === undefined || found.harmless.includes(value.toLowerCase()) ? undefined : found.problem;
}
