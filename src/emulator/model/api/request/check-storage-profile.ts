import { type ArmFailure, armErrors } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { fieldsMissingIn } from "../version-fields.ts";
import { type BodyPath, charactersBefore, pathText } from "./body-position.ts";

/** The newest version whose members are known here: a later one may have more. */
const KNOWN_UNTIL = "2026-03-01";

/** A type of Azure's models. */
interface Model {
  /** The provider's name of it; undefined: what other members it has is not checked. */
  readonly type?: string;
  /** In lower case: the provider does not distinguish the case of members. */
  readonly members: ReadonlyMap<string, Member>;
}

/** What is checked of a member: nothing, or its value or each of its elements against a model. */
type Member = "any" | { readonly model: Model };

function modelOf(names: readonly string[], models: Readonly<Record<string, Model>>, type?: string): Model {
  const members = new Map<string, Member>(names.map((name) => [name.toLowerCase(), "any"]));
  for (const [name, model] of Object.entries(models)) members.set(name.toLowerCase(), { model });
  return type === undefined ? { members } : { members, type };
}

const MANAGED_DISK = modelOf(
  ["id", "storageAccountType", "diskEncryptionSet", "securityProfile", "additionalDiskProperties"],
  {},
  "ManagedDiskParameters",
);
const DATA_DISK = modelOf(
  [
    "lun",
    "name",
    "vhd",
    "image",
    "caching",
    "writeAcceleratorEnabled",
    "createOption",
    "diskSizeGB",
    "storageFaultDomainAlignment",
    "sourceResource",
    "toBeDetached",
    "diskIOPSReadWrite",
    "diskMBpsReadWrite",
    "detachOption",
    "deleteOption",
  ],
  { managedDisk: MANAGED_DISK },
  "DataDisk",
);
const STORAGE_PROFILE = modelOf(
  ["imageReference", "osDisk", "diskControllerType", "alignRegionalDisksToVMZone", "diskApiVersion"],
  { dataDisks: DATA_DISK },
  "StorageProfile",
);
const VIRTUAL_MACHINE = modelOf([], { properties: modelOf([], { storageProfile: STORAGE_PROFILE }) });

/** The writes of VMs and instances. */
const WRITES: readonly string[] = [
  "VirtualMachines_CreateOrUpdate",
  "VirtualMachines_Update",
  "VirtualMachineScaleSetVMs_Update",
];

/**
 * Why the compute provider refuses a write of a VM: unlike that of disks, it reads no body with a member that
 * its version does not have. Checked are the storage profile and its data disks. `body` has its members as
 * the client spells them. The position in a message is where the provider's reader, Newtonsoft.Json, has
 * stopped: behind the colon of the member. The recorded one (kubernetes-sigs/cloud-provider-azure#8919) lacks
 * the body, but Resource Manager's own reader stops there (azure-sdk-for-python#14566).
 */
export function checkStorageProfile(
  body: Json | undefined,
  operation: string,
  apiVersion: string,
): ArmFailure | undefined {
  if (!WRITES.includes(operation)) return undefined;
  const missing = fieldsMissingIn(operation, apiVersion).map((field) => field.toLowerCase());
  return checkValue({ body, missing, apiVersion }, body, { model: VIRTUAL_MACHINE, path: [] });
}

interface Write {
  readonly body: Json | undefined;
  /** Fields that the version does not have yet, in lower case and without indexes. */
  readonly missing: readonly string[];
  readonly apiVersion: string;
}

interface Place {
  readonly model: Model;
  readonly path: BodyPath;
}

function checkValue(write: Write, value: Json | undefined, { model, path }: Place): ArmFailure | undefined {
  const parts: readonly (readonly [string | number, Json | undefined])[] = Array.isArray(value)
    ? (value as readonly Json[]).map((element, index) => [index, element])
    : Object.entries(isObject(value) ? value : {});
  // In the order of the text, in which the provider reads.
  for (const [step, part] of parts) {
    const place = { model, path: [...path, step] };
    const failure =
      typeof step === "number" ? checkValue(write, part, place) : checkMember(write, step, part, place);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function checkMember(
  write: Write,
  name: string,
  value: Json | undefined,
  { model: { type, members }, path }: Place,
): ArmFailure | undefined {
  const member = members.get(name.toLowerCase());
  const isMissing = write.missing.includes(
    pathText(path)
      .replaceAll(/\[\d+\]/g, "[]")
      .toLowerCase(),
  );
  const isUnknown = member === undefined && write.apiVersion <= KNOWN_UNTIL;
  if (type !== undefined && (isMissing || isUnknown))
    return armErrors.unknownMember(name, type, pathText(path), charactersBefore(write.body, path));
  return typeof member === "object" ? checkValue(write, value, { model: member.model, path }) : undefined;
}
