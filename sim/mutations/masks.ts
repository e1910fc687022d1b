import type { Mask, SourceEdit } from "./mutation.ts";

const PLAN_FILE_SYSTEM = "src/core/node/file-system/plan-file-system.ts";

/** Without the hold of a device: the node then runs its commands by name only. */
export const withoutHold: SourceEdit = {
  file: "src/node/stage/same-device.ts",
  find: `await ports.host.whileHolding(`,
  replace: "await ((_held: unknown, run: () => Promise<Result<T>>, _signal: AbortSignal) => run())(",
};

/** A disk is known by its LUN and size where nothing on it names its volume. */
export const withoutConfirmation: SourceEdit = {
  file: "src/node/stage/same-device.ts",
  find: `return confirmDisk(ports, found, lookUp, signal);`,
  replace: `return Promise.resolve(ok(undefined));`,
};

/** A change that landed late is not found in the list of disks. */
export const withoutLateList: SourceEdit = {
  file: "src/controller/adoption/recover-volumes.ts",
  find: `    const kept = await keepModification(ports, known, disk, signal);`,
  replace:
    `    const kept = known.metadata.name === "" ` +
    `? await keepModification(ports, known, disk, signal) : ok(undefined);`,
};

/** A modified disk is read no more before the driver forgets what it has made of it. */
export const withoutLastLook: SourceEdit = {
  file: "src/core/volume/modification/late-modification.ts",
  find: `  return status?.recentModification && lastLookInMs(status.recentModification, nowMs);`,
  replace: `  return status === undefined || nowMs !== 0 ? undefined : 0;`,
};

/** An AzVolume that was deleted by hand is made again without the record that it had. */
export const withoutEarlierRecord: SourceEdit = {
  file: "src/controller/adoption/recreate-volume.ts",
  find: `...(earlierRecord === undefined ? {} : { earlierRecord }),`,
  replace: ``,
};

/** Lets a disk have a LUN at which its node looks for another one. */
export const withoutReservedLuns: SourceEdit = {
  file: "src/controller/attachment/attach.ts",
  find: `reservedLuns: () => lunsReservedOn(ports, node, attachment),`,
  replace: ``,
};

/** Lets a VM count as gone without a look at the disk's owners. */
export const withoutOwners: SourceEdit = {
  file: "src/provisioner/vm/instance/prove-gone.ts",
  find: `const compared = await compareOwners(context, missing, signal);`,
  replace: `const compared = ok(undefined) as Awaited<ReturnType<typeof compareOwners>>;`,
};

/** Lets a list of a VM prove a detach, whatever the disk says. */
export const withoutDisowning: SourceEdit = {
  file: "src/provisioner/vm/fence-batch.ts",
  find:
    "  if (!disowned.ok) return fail(toFailure(disowned.failure, { diskUri, nodeName: node.nodeName " +
    `}));\n`,
  replace: ``,
};

/** Lets the record alone decide on a foreign detach. */
export const withoutPods: SourceEdit = {
  file: "src/controller/fencing/foreign-detach.ts",
  find: `return mayBeUsed || (isInQuarantine(record, node) && isUsedByPods());`,
  replace: `return mayBeUsed;`,
};

/** A node's request counts, whether or not a pod is seen there. */
export const requestsAlone: readonly SourceEdit[] = [
  {
    file: "src/controller/backed-attachment.ts",
    find: `  if (isNamedAsHolder(volume, attachment.spec.nodeName) || isRequestedByOthers(ports, volume, attachment))
    return attachment;
`,
    replace: `  return attachment;
`,
  },
  {
    file: "src/controller/observe-volume.ts",
    find: `if (attach === "driver") return users.cachedOn(where).kind === "used";`,
    replace: `if (attach === "driver") return true;`,
  },
];

/** A node trusts a record from before its release. */
const withoutReleasedEpochs: SourceEdit = {
  file: "src/node/writer/acquire-volume.ts",
  find: `!ports.released.has(uid, writer.epoch)`,
  replace: `uid !== ""`,
};

/** Layers of defence that can replace one another. */
export const masks: readonly Mask[] = [
  {
    name: "released-epochs",
    removes: "a node remembers in which epochs it has released volumes, and trusts no record from before",
    edits: withoutReleasedEpochs,
  },
  {
    name: "grant-distrusted",
    removes: "a grant of a VM whose node's name is another one's counts as held, and ends by a fence",
    edits: {
      file: "src/core/writer/plan-earlier-vm.ts",
      find: `return writer.held ? waits : [{ kind: "Distrust", node, as: "writer" }, ...waits];`,
      replace: `return writer.held || writer.requested ? waits : [{ kind: "Revoke" }];`,
    },
  },
  {
    name: "unnamed-distrusted",
    removes: "an entry without a uid is that of an earlier VM where no Node says which VM has its name",
    edits: {
      file: "src/core/writer/plan-earlier-vm.ts",
      find: `if (nodeUid !== undefined || isForeign(node)) return false;`,
      replace: `if (nodeUid !== undefined || nodeName !== "") return false;`,
    },
  },
  {
    name: "node-policy",
    removes: "the chart's admission policy refuses what the rules of the protocol do not let a node write",
    edits: {
      file: "sim/create-sim-world.ts",
      find: `const denied = deniedToNode(by, (token) => nodeRefusal(write, token));`,
      replace: `const denied: Denial | undefined = undefined;`,
    },
  },
  {
    name: "leaders-clock",
    removes: "a controller asks its own clock whether it still leads before each write and each question",
    edits: {
      file: "src/controller/leader-guard.ts",
      find: `() => (isLeading() ? undefined : { kind: "Cancelled" })`,
      replace: `() => undefined`,
    },
  },
  {
    name: "held-before-use",
    removes: "a node publishes and continues to use only what it holds",
    edits: [
      {
        file: "src/node/writer/check-held.ts",
        find: `undefined : holderIn(ports, volume);`,
        replace: `undefined : isNamed(volume.status?.record, ports.node, "writer") ?
    volume.status?.record?.writer : undefined;`,
      },
      {
        file: "src/node/stage/prepare-file-system.ts",
        find: `return isNamed(status?.record, node, "holder");`,
        replace: `return isNamed(status?.record, node, "writer");`,
      },
    ],
  },
  {
    name: "owners-are-other-vms",
    removes: "a VM is gone only if every VM that the disk names has another vmId",
    edits: withoutOwners,
  },
  {
    name: "fence-admission",
    removes: "the API server admits no change of a fence from a node",
    edits: {
      file: "sim/admission/record-admission.ts",
      find: `function rest({ writer: _, nodes: __, epoch: ___, ...kept }`,
      replace: `function rest({ writer: _, nodes: __, epoch: ___, fencing: ____, ...kept }`,
    },
  },
  {
    name: "format-admission",
    removes: "the API server admits the mark of a first format from the node that holds the volume only",
    edits: {
      file: "sim/admission/volume-policy.ts",
      find: `return writer?.nodeName === nodeName && writer.held;`,
      replace: `return writer?.nodeName === nodeName;`,
    },
  },
  {
    name: "wants-alone",
    removes: "if nodes attach by themselves, a request counts only while a pod is seen there",
    edits: requestsAlone,
  },
  {
    name: "disk-names-owner",
    removes: "the disk itself must name the VM no more",
    edits: withoutDisowning,
  },
  {
    name: "requested-is-not-fenced",
    removes: "a requested writer is never fenced",
    edits: {
      file: "src/core/writer/record/writer-steps.ts",
      find:
        "    if (next.writer.requested) return fail(`${node.nodeName} is " + "requested as the writer`);\n",
      replace: ``,
    },
  },
  {
    name: "recall-first",
    removes: "an unused writer is recalled, and given two minutes, before it is fenced",
    edits: {
      file: "src/core/writer/plan-writer.ts",
      find: `if (observed.writerUse.kind === "unused") return [{ kind: "ReleaseCheck", node }];`,
      replace: `if (observed.writerUse.kind === "unused")
    return [recordOf(observed)?.writer?.held === true ? { kind: "BeginFence", node, ground: "stalled", because: "it is unused there" } : { kind: "ReleaseCheck", node }];`,
    },
  },
  {
    name: "recall-and-cached-users-first",
    removes: "a writer is recalled, and cached users are looked at, before it is fenced",
    edits: {
      file: "src/core/writer/plan-writer.ts",
      find: `if (observed.writerUse.kind === "unused") return [{ kind: "ReleaseCheck", node }];`,
      replace:
        `if (waiting.length > 0) return [{ kind: "BeginFence", node, ground: "stalled", because: ` +
        `"another node waits" }];`,
    },
  },
  {
    name: "waits-to-be-requested",
    removes: "a node stages, and publishes, only while the record has it requested there",
    edits: {
      file: "src/node/stage/wait-for-grant-and-attach.ts",
      find: `isNamed(volume?.status?.record, ports.node, "requested")`,
      replace: `isNamed(volume?.status?.record, ports.node, "writer")`,
    },
  },
  {
    name: "attachment-recreated",
    removes: "an attachment that is deleted while its node is to continue writing is recreated",
    edits: {
      file: "src/core/attachment/plan-attachment.ts",
      find: `  if (kept !== undefined && mustBeRecreated(observed, attachment, kept))
    return { kind: isDetachBegun(attachment, kept) ? "TakeBackDetach" : "Recreate", node: kept };
`,
      replace: `
`,
    },
  },
  {
    name: "twins",
    removes: "two volumes that are said to be at one LUN are both looked up in Azure",
    edits: {
      file: "src/node/stage/find-device.ts",
      find: `  if (twin !== undefined)
    return { kind: "refused", failure: await reportTwins(ports, attachment, twin, lun, signal) };
`,
      replace: `
`,
    },
  },
  {
    name: "file-system-uuid",
    removes: "a file system with another UUID than the volume's is refused",
    edits: {
      file: PLAN_FILE_SYSTEM,
      find: `if (formatted?.uuid !== undefined && found.uuid !== formatted.uuid)`,
      replace: `if (formatted?.uuid !== undefined && found.uuid === "")`,
    },
  },
  {
    name: "formatted-once",
    removes: "a volume that was formatted once is never formatted again",
    edits: {
      file: PLAN_FILE_SYSTEM,
      find: `if (formatted !== undefined)\n        return`,
      replace: `if (formatted !== undefined && observed.fsType === "ext2")\n        return`,
    },
  },
  {
    name: "host-looks-again",
    removes: "the command that formats looks at the device itself once more",
    edits: [
      {
        file: "src/adapters/model-host/model-file-systems.ts",
        find: `if (content.kind !== "blank") {`,
        replace: `if (false) {`,
      },
      {
        file: "src/adapters/linux/file-system/format-device.ts",
        find: `if (content.value.kind !== "blank") {`,
        replace: `if (false) {`,
      },
    ],
  },
  {
    name: "late-list",
    removes: "a change that landed late is found in the list of disks",
    edits: withoutLateList,
  },
  {
    name: "last-look",
    removes: "a modified disk is read once more before the driver forgets what it has made of it",
    edits: withoutLastLook,
  },
  {
    name: "earlier-said",
    removes: "an AzVolume that a person deletes is made again with the record that it had",
    edits: withoutEarlierRecord,
  },
  {
    name: "kept-luns",
    removes: "no disk gets a LUN at which its node looks for another one",
    edits: withoutReservedLuns,
  },
  {
    name: "confirmed-disk",
    removes: "the VM's instance metadata, or a controller, confirms which disk a raw or blank one is",
    edits: withoutConfirmation,
  },
  {
    name: "anothers-mount",
    removes: "a device that a pod has raw as another volume, or may open as it, is not taken for this one",
    edits: {
      file: "src/node/stage/mount-state.ts",
      find: `(checkpoint) => checkpoint.volumeName !== volume.metadata.name`,
      replace: `(checkpoint) => checkpoint.volumeName === "" && volume.metadata.name === ""`,
    },
  },
  {
    name: "replicas-probed",
    removes: "a node looks now and then whether the devices of its replicas are there",
    edits: {
      file: "src/node/care/replica-probe.ts",
      find: `if (lun === undefined) return ok({});`,
      replace: `if (lun === undefined || attachment !== undefined) return ok({});`,
    },
  },
  {
    name: "unnoted-mounts",
    removes: "an unverified node looks for mounts without a checkpoint",
    edits: {
      file: "src/node/care/own-volume.ts",
      find:
        `recordedCheckpoint === undefined && volume !== undefined && attachment !== undefined\n` +
        "      ? await findUntrackedMounts",
      replace:
        `recordedCheckpoint === undefined && volume === undefined && attachment !== undefined\n` +
        "      ? await findUntrackedMounts",
    },
  },
  {
    name: "fence-bars",
    removes: "a node that is being fenced from a volume gets no disk of any",
    edits: {
      file: "src/controller/attachment/may-attach-now.ts",
      find: `return isOnVm(volume, node, "fenced", "fencing");`,
      replace: `return isOnVm(volume, node, "fenced");`,
    },
  },
  {
    name: "held-device",
    removes:
      "a node holds the device from its last look at it until it is mounted or bound, and so does a mount " +
      "command as long as it lives",
    edits: withoutHold,
  },
  {
    name: "pods-decide",
    removes: "the pods decide on a foreign detach if a rebuilt record does not know their node",
    edits: withoutPods,
  },
  {
    name: "checked-after-bind",
    removes: "the record is read once more after a target was bound",
    edits: {
      file: "src/node/stage/publish-volume.ts",
      find: `if (!isSingleWriter(staged.volume.spec.capabilities)) return ok(undefined);`,
      replace: `if (staged.volume !== undefined) return ok(undefined);`,
    },
  },
  {
    name: "needed-in-growth",
    removes: "replicas that are needed stay after a growth has begun",
    edits: {
      file: "src/core/attachment/replicas/plan-replicas.ts",
      find: `return needsReplicas(observed) ? [] :`,
      replace: `return needsReplicas(observed) && replicas.length === 0 ? [] :`,
    },
  },
  {
    name: "published-nodes",
    removes: "DeleteVolume refuses a volume that has a primary",
    edits: {
      file: "src/csi/controller/deletion/delete-volume.ts",
      find: `  if (nodeName !== undefined && !volume.spec.deleteRequested)
`,
      replace: `  if (nodeName === "" && !volume.spec.deleteRequested)
`,
    },
  },
  {
    name: "attachment-between-rebuilds",
    removes: "a node reads the attachment of a shared volume between two looks at the store incarnation",
    edits: {
      file: "src/node/stage/same-device.ts",
      find: `const same = isSingleWriter(found.volume.spec.capabilities)`,
      replace: `const same = isSingleWriter(found.volume.spec.capabilities) || found.device !== undefined`,
    },
  },
];
