import type { Mutation } from "../mutation.ts";
import { renamedStorm } from "../storms.ts";

/** The rules of a VM whose kubelet has registered under another name. */
export const renamedMutations: readonly Mutation[] = [
  {
    name: "renamed-share",
    removes: "the attachment of an earlier name of a VM takes no second share from it",
    edits: {
      file: "src/core/attachment/plan-attachment.ts",
      find: `!isSameVmId(recordedVm(attachment)?.vmId, vmId)`,
      replace: `isSameVmId(vmId, vmId)`,
    },
    breaks: ["not-converged"],
    storm: renamedStorm,
    shownBy: 4,
    takes: "a kubelet registers under another name while its VM has the disk as its only holder",
    noticedBy: "src/core/attachment/plan-attachment.test.ts",
  },
  {
    name: "renamed-writer",
    removes: "a writer whose VM has the disk by the attachment of an earlier name gets one of its own",
    edits: {
      file: "src/core/attachment/replicas/plan-replicas.ts",
      find: `...planForRenamed(observed),`,
      replace: `...planForRenamed({ ...observed, attachments: [] }),`,
    },
    breaks: ["not-converged"],
    storm: renamedStorm,
    shownBy: 3,
    takes: "a kubelet registers under another name while its node writes",
    noticedBy: "src/core/attachment/replicas/plan-replicas.test.ts",
  },
  {
    name: "renamed-entry",
    removes: "the entry of a VM that is another node by now gets that node's name",
    edits: {
      file: "src/core/writer/plan-earlier-vm.ts",
      find: `  if (isForeign(vm)) return undefined;
  const present = observed.node(vm.nodeName);
  const isItself`,
      replace: `  if (isForeign(vm) || observed !== undefined) return undefined;
  const present = observed.node(vm.nodeName);
  const isItself`,
    },
    breaks: ["not-converged", "healthy-writer-cut-off", "two-writers", "synced-data-lost"],
    storm: renamedStorm,
    shownBy: 9,
    takes: "a kubelet registers under another name while its node writes",
    noticedBy: "src/core/writer/plan-earlier-vm.test.ts",
  },
];
