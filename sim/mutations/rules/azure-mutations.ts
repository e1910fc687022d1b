import { withoutDisowning, withoutOwners } from "../masks.ts";
import type { Mutation } from "../mutation.ts";
import { disksNotFoundStorm, notFoundStorm, unlistedStorm, unmovedEtagStorm } from "../storms.ts";

/** Rules about what a response of Azure proves. */
export const azureMutations: readonly Mutation[] = [
  {
    name: "unmoved-etag",
    removes: "a fence has its proof only at another ETag than before its update",
    edits: {
      file: "src/provisioner/vm/fence-batch.ts",
      find: `  if (!isMoved) {`,
      replace: `  if (!isMoved && requests.length === 0) {`,
    },
    alsoRemoves: ["held-device"],
    breaks: ["two-writers"],
    storm: unmovedEtagStorm,
    shownBy: 3,
    takes:
      "an attach is under way to Azure while another controller fences that node, from which the disk " +
      "is off, and Azure leaves the ETag at the fence's update",
    noticedBy: "test/contract/cloud-provisioner.test.ts",
  },
  {
    name: "any-owner",
    removes: "a VM that Azure does not find counts as gone only where no VM that the disk names has its vmId",
    edits: withoutOwners,
    breaks: ["two-writers"],
    storm: notFoundStorm,
    takes: "Azure answers 404 for the VM of a node that is being fenced, and the VM is there",
    noticedBy: "test/provisioner/lying-azure.test.ts",
  },
  {
    name: "list-alone",
    removes: "a VM's list without the disk is proof only where the disk does not name the VM",
    edits: withoutDisowning,
    breaks: ["two-writers"],
    storm: unlistedStorm,
    takes: "Azure shows the VM of a node that is being fenced without the disk that it has",
    noticedBy: "test/provisioner/lying-azure.test.ts",
  },
  {
    name: "gone-by-one-read",
    removes: "a disk that a read does not find counts as gone only where the list of its group lacks it, too",
    edits: {
      file: "src/controller/adoption/confirm-disk-gone.ts",
      find: `  if (!saysDiskGone(failure)) return fail(failure);`,
      replace: `  return saysDiskGone(failure) ? ok(undefined) : fail(failure);`,
    },
    breaks: ["csi-answer"],
    storm: disksNotFoundStorm,
    shownBy: 9,
    takes: "Azure answers 404 for a disk that a pod uses, and a person deletes its AzVolume",
    noticedBy: "src/controller/adoption/confirm-disk-gone.test.ts",
  },
];
