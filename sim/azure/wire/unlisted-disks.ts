import { resourceUriKey } from "../../../src/core/azure/ids/disk-uri.ts";
import type { ArmAnswer, ArmRequest } from "../../../src/emulator/model/api/arm-message.ts";
import { type JsonObject, listAt, objectAt, textAt } from "../../../src/emulator/model/api/json.ts";

/**
 * VMs that Azure shows without their data disks, and disks that it shows without their VMs. The other side
 * still shows the attachment: the disks stay where they are.
 */
export interface UnlistedDisks {
  /** From now on no read of the VM lists a data disk; the returned function ends that. */
  unlist(instanceUri: string): () => void;
  /** From now on no read of the disk names a VM; the returned function ends that. */
  disown(diskUri: string): () => void;
  /** A response as its caller sees it. */
  shown(request: Pick<ArmRequest, "method" | "path">, answer: ArmAnswer): ArmAnswer;
}

/** Everything is shown as it is, at first. */
export function createUnlistedDisks(): UnlistedDisks {
  const unlisted = new Set<string>();
  const disowned = new Set<string>();
  return {
    unlist: (instanceUri) => addedTo(unlisted, instanceUri),
    disown: (diskUri) => addedTo(disowned, diskUri),
    shown: ({ method, path }, answer) => {
      if (method !== "GET") return answer;
      if (unlisted.has(resourceUriKey(path))) return withoutDataDisks(answer);
      return disowned.size > 0 ? withoutOwners(answer, disowned) : answer;
    },
  };
}

function addedTo(hidden: Set<string>, uri: string): () => void {
  const key = resourceUriKey(uri);
  hidden.add(key);
  return () => hidden.delete(key);
}

/** Of a disk, or of a list with disks in it. */
function withoutOwners(answer: ArmAnswer, disowned: ReadonlySet<string>): ArmAnswer {
  const shown = (resource: JsonObject): JsonObject => {
    if (!disowned.has(resourceUriKey(textAt(resource, "id") ?? ""))) return resource;
    const { managedBy: _by, managedByExtended: _also, ...rest } = resource;
    return rest;
  };
  const body = objectAt(answer.body);
  if (body === undefined) return answer;
  const listed = listAt(body, "value");
  return {
    ...answer,
    body:
      listed === undefined
        ? shown(body)
        : { ...body, value: listed.map((each) => shown(objectAt(each) ?? {})) },
  };
}

function withoutDataDisks(answer: ArmAnswer): ArmAnswer {
  const body = objectAt(answer.body);
  const properties = objectAt(body, "properties");
  const storageProfile = objectAt(properties, "storageProfile");
  if (storageProfile === undefined) return answer;
  return {
    ...answer,
    body: { ...body, properties: { ...properties, storageProfile: { ...storageProfile, dataDisks: [] } } },
  };
}
