import { type Json, type MemberPath, memberPath, withoutPath } from "../json.ts";

const OF_A_COPY = ["properties.creationData.sourceUniqueId"].map(memberPath);
const OF_A_MACHINE = [
  "osProfile.windowsConfiguration.enableVMAgentPlatformUpdates",
  "storageProfile.imageReference.exactVersion",
];
const OF_A_VM = OF_A_MACHINE.map((member) => memberPath(`properties.${member}`));
const OF_A_MODEL = [
  ...OF_A_MACHINE,
  "extensionProfile.extensions[].id",
  "extensionProfile.extensions[].properties.provisioningState",
  "extensionProfile.extensions[].type",
  "timeCreated",
].map((member) => memberPath(`properties.virtualMachineProfile.${member}`));

/**
 * Members that Azure's description has as read-only, within parts of a resource that are stored as a write
 * states them, by the first part of an operation's name. Other read-only members are not read at all.
 */
const READ_ONLY: Readonly<Record<string, readonly MemberPath[]>> = {
  DiskEncryptionSets: [memberPath("properties.previousKeys")],
  Disks: OF_A_COPY,
  Snapshots: OF_A_COPY,
  VirtualMachines: OF_A_VM,
  VirtualMachineScaleSets: OF_A_MODEL,
  VirtualMachineScaleSetVMs: OF_A_VM,
};

/** A request's body without what only answers state: clients send back what they have read. */
export function withoutReadOnly(body: Json | undefined, operation: string): Json | undefined {
  const members = READ_ONLY[operation.split("_")[0] ?? ""] ?? [];
  return members.reduce((kept: Json | undefined, member) => withoutPath(kept, member), body);
}
