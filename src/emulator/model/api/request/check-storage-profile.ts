import { DISK_SKU_NAMES } from "../../disk/disk-sku.ts";
import { CACHINGS } from "../../vm/data-disks.ts";
import { type ArmFailure, armErrors } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { fieldsMissingIn } from "../version-fields.ts";
import { type BodyPath, charactersBefore, pathText } from "./body-position.ts";
import { choiceOf } from "./choice.ts";

/** The newest version whose members are known here: a later one may have more. */
const KNOWN_UNTIL = "2026-03-01";

/** A type of Azure's models. */
interface Model {
  /** The provider's name of it; undefined: what other members it has is not checked. */
  readonly type?: string;
  /** In lower case: the provider does not distinguish the case of members. */
  readonly members: ReadonlyMap<string, Member>;
}

/** What is checked of a member: nothing, its value or each of its elements against a model, or its text. */
type Member = "any" | { readonly model: Model } | Choice;

/** A text that is one of few, in any case. */
interface Choice {
  /** The provider's name of its type. */
  readonly type: string;
  readonly choices: readonly string[];
}

function modelOf(
  names: readonly string[],
  checked: Readonly<Record<string, Model | Choice>>,
  type?: string,
): Model {
  const members = new Map<string, Member>(names.map((name) => [name.toLowerCase(), "any"]));
  for (const [name, check] of Object.entries(checked))
    members.set(name.toLowerCase(), "choices" in check ? check : { model: check });
  return type === undefined ? { members } : { members, type };
}

/** Recorded in jclouds/jclouds-labs#394. */
const CACHING: Choice = {
  type: "Microsoft.WindowsAzure.ComputeResourceProvider.API.Disk+CachingType",
  choices: CACHINGS,
};
/** Recorded of an OS disk in MicrosoftDocs/OfficeDocs-SharePoint#1684. */
const STORAGE_ACCOUNT_TYPE: Choice = {
  type: "Microsoft.Azure.XStoreClientHelper.StorageAccountServiceClient.StorageAccountType",
  choices: DISK_SKU_NAMES,
};
const MANAGED_DISK = modelOf(
  ["id", "diskEncryptionSet", "securityProfile", "additionalDiskProperties"],
  { storageAccountType: STORAGE_ACCOUNT_TYPE },
  "ManagedDiskParameters",
);
const OS_DISK = modelOf([], {
  managedDisk: modelOf([], { storageAccountType: STORAGE_ACCOUNT_TYPE }),
});
const DATA_DISK = modelOf(
  [
    "lun",
    "name",
    "vhd",
    "image",
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
  { caching: CACHING, managedDisk: MANAGED_DISK },
  "DataDisk",
);
const STORAGE_PROFILE = modelOf(
  ["imageReference", "diskControllerType", "alignRegionalDisksToVMZone", "diskApiVersion"],
  { dataDisks: DATA_DISK, osDisk: OS_DISK },
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
 * its version does not have, or with a text that is none of a type's values. Checked are the storage profile
 * and its disks. `body` has its members as the client spells them.
 *
 * The position in a message is where the provider's reader, Newtonsoft.Json, has stopped: behind the colon of
 * the member (inferred from Resource Manager's own reader, azure-sdk-for-python#14566, since the body is not
 * recorded in kubernetes-sigs/cloud-provider-azure#8919), or behind the text (recorded).
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
  const isUnknown = member === undefined && write.apiVersion <= KNOWN_UNTIL;
  if (type !== undefined && (isUnknown || isMissing(write, path)))
    return armErrors.unknownMember(name, type, pathText(path), charactersBefore(write.body, path));
  if (member === undefined || member === "any") return undefined;
  return "model" in member
    ? checkValue(write, value, { model: member.model, path })
    : checkChoice(write, value, { choice: member, path });
}

function isMissing({ missing }: Write, path: BodyPath): boolean {
  if (missing.length === 0) return false;
  const field = pathText(path).replaceAll(/\[\d+\]/g, "[]");
  return missing.includes(field.toLowerCase());
}

function checkChoice(
  { body, apiVersion }: Write,
  value: Json | undefined,
  { choice, path }: { readonly choice: Choice; readonly path: BodyPath },
): ArmFailure | undefined {
  // Newtonsoft.Json takes an empty text for none.
  const isOther = typeof value === "string" && value !== "" && choiceOf(choice.choices, value) === undefined;
  if (!isOther || apiVersion > KNOWN_UNTIL) return undefined;
  const position = charactersBefore(body, path) + JSON.stringify(value).length;
  return armErrors.notConvertible({ value, type: choice.type, path: pathText(path), position });
}
