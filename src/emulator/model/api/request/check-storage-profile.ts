import { DISK_SKU_NAMES } from "../../disk/disk-sku.ts";
import { CACHINGS } from "../../vm/data-disks.ts";
import { type ArmFailure, armErrors } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { fieldsMissingIn } from "../version-fields.ts";
import { type BodyPath, charactersBefore, pathText } from "./body-position.ts";
import { choiceOf } from "./choice.ts";
import { charactersRead, conversionProblem } from "./conversion-problem.ts";

/** The newest version whose members are known here: a later one may have more. */
const KNOWN_UNTIL = "2026-04-01";

/** A type of Azure's models. */
interface Model {
  /** The provider's name of it; undefined: what other members it has is not checked. */
  readonly type?: string;
  /** In lower case: the provider does not distinguish the case of members. */
  readonly members: ReadonlyMap<string, Member>;
}

/** A list of values of one type. */
interface List {
  readonly elements: Model;
}

/** What is checked of a member: nothing, its value or each of its elements against a model, or its text. */
type Member = "any" | { readonly model: Model } | List | Choice;

/** A text that is one of few, in any case. */
interface Choice {
  /** The provider's name of its type. */
  readonly type: string;
  readonly choices: readonly string[];
}

function modelOf(
  names: readonly string[],
  checked: Readonly<Record<string, Model | List | Choice>>,
  type?: string,
): Model {
  const members = new Map<string, Member>(names.map((name) => [name.toLowerCase(), "any"]));
  for (const [name, check] of Object.entries(checked))
    members.set(name.toLowerCase(), "members" in check ? { model: check } : check);
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
const OS_DISK = modelOf([], { managedDisk: modelOf([], { storageAccountType: STORAGE_ACCOUNT_TYPE }) });
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
  { dataDisks: { elements: DATA_DISK }, osDisk: OS_DISK },
  "StorageProfile",
);
const VIRTUAL_MACHINE = modelOf([], { properties: modelOf([], { storageProfile: STORAGE_PROFILE }) });

const SCALE_SET_DISK = modelOf(
  [
    "name",
    "lun",
    "writeAcceleratorEnabled",
    "createOption",
    "diskSizeGB",
    "storageFaultDomainAlignment",
    "diskIOPSReadWrite",
    "diskMBpsReadWrite",
    "deleteOption",
  ],
  {
    caching: CACHING,
    managedDisk: modelOf(
      // A scale set refuses `id` by its own name.
      ["id", "diskEncryptionSet", "securityProfile", "additionalDiskProperties"],
      { storageAccountType: STORAGE_ACCOUNT_TYPE },
      "VirtualMachineScaleSetManagedDiskParameters",
    ),
  },
  "VirtualMachineScaleSetDataDisk",
);
const SCALE_SET = modelOf([], {
  properties: modelOf([], {
    virtualMachineProfile: modelOf([], {
      storageProfile: modelOf(
        ["imageReference", "diskControllerType", "diskApiVersion"],
        { dataDisks: { elements: SCALE_SET_DISK }, osDisk: OS_DISK },
        "VirtualMachineScaleSetStorageProfile",
      ),
    }),
  }),
});

const ATTACH_DETACH = modelOf(
  [],
  {
    dataDisksToAttach: {
      elements: modelOf(
        ["diskId", "lun", "deleteOption", "diskEncryptionSet", "writeAcceleratorEnabled"],
        { caching: CACHING },
        "DataDisksToAttach",
      ),
    },
    dataDisksToDetach: { elements: modelOf(["diskId", "detachOption"], {}, "DataDisksToDetach") },
  },
  "AttachDetachDataDisksRequest",
);

/** The writes of VMs, instances and scale sets, and what they send. Inferred: the types of scale sets. */
const WRITES: Readonly<Record<string, Model>> = {
  VirtualMachines_CreateOrUpdate: VIRTUAL_MACHINE,
  VirtualMachines_Update: VIRTUAL_MACHINE,
  VirtualMachineScaleSetVMs_Update: VIRTUAL_MACHINE,
  VirtualMachineScaleSets_CreateOrUpdate: SCALE_SET,
  VirtualMachineScaleSets_Update: SCALE_SET,
  VirtualMachines_AttachDetachDataDisks: ATTACH_DETACH,
  VirtualMachineScaleSetVMs_AttachDetachDataDisks: ATTACH_DETACH,
};

/**
 * Why the compute provider refuses a write of a VM: unlike that of disks, it reads no body with a member that
 * its version does not have, or with a value that is none of a type. Checked are the storage profile and its
 * disks. `body` has its members as the client spells them.
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
  const model = WRITES[operation];
  if (model === undefined) return undefined;
  const missing = fieldsMissingIn(operation, apiVersion).map((field) => field.toLowerCase());
  const root = model === SCALE_SET ? "vmScaleSet" : "vm";
  return checkObject({ body, missing, apiVersion, root }, body, { model, path: [] });
}

interface Write {
  readonly body: Json | undefined;
  /** Fields that the version does not have yet, in lower case and without indexes. */
  readonly missing: readonly string[];
  readonly apiVersion: string;
  /** How the target of an error begins. */
  readonly root: "vm" | "vmScaleSet";
}

interface Place {
  readonly model: Model;
  readonly path: BodyPath;
}

function checkObject(write: Write, value: Json | undefined, { model, path }: Place): ArmFailure | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value))
    return model.type === undefined ? undefined : notOfType(write, value, model.type, path);
  // In the order of the text, in which the provider reads.
  for (const [name, part] of Object.entries(value)) {
    const failure = checkMember(write, name, part, { model, path: [...path, name] });
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function checkList(
  write: Write,
  value: Json,
  { elements, path }: List & { readonly path: BodyPath },
): ArmFailure | undefined {
  const type = `System.Collections.Generic.List\`1[${elements.type}]`;
  if (!Array.isArray(value)) return notOfType(write, value, type, path);
  return (value as readonly Json[])
    .map((element, index) => checkObject(write, element, { model: elements, path: [...path, index] }))
    .find((failure) => failure !== undefined);
}

/**
 * The words of Newtonsoft.Json, of which none is recorded for these types. For null it has none: whatever the
 * provider says, it can't make a disk of it.
 */
function notOfType({ body, root }: Write, value: Json, type: string, path: BodyPath): ArmFailure {
  const position = charactersBefore(body, path) + charactersRead(value);
  return armErrors.notConvertible({
    ...{ root, problem: conversionProblem(value, type) },
    path: pathText(path),
    position,
  });
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
    return armErrors.unknownMember(name, type, {
      root: write.root,
      path: pathText(path),
      position: charactersBefore(write.body, path),
    });
  if (member === undefined || member === "any") return undefined;
  if (value === undefined || value === null) return undefined;
  if ("model" in member) return checkObject(write, value, { model: member.model, path });
  if ("elements" in member) return checkList(write, value, { ...member, path });
  return checkChoice(write, value, { choice: member, path });
}

function isMissing({ missing }: Write, path: BodyPath): boolean {
  if (missing.length === 0) return false;
  const field = pathText(path).replaceAll(/\[\d+\]/g, "[]");
  return missing.includes(field.toLowerCase());
}

function checkChoice(
  write: Write,
  value: Json | undefined,
  { choice, path }: { readonly choice: Choice; readonly path: BodyPath },
): ArmFailure | undefined {
  // Newtonsoft.Json takes an empty text for none.
  const isOther = typeof value === "string" && value !== "" && choiceOf(choice.choices, value) === undefined;
  if (!isOther || write.apiVersion > KNOWN_UNTIL) return undefined;
  return notOfType(write, value, `System.Nullable\`1[${choice.type}]`, path);
}
