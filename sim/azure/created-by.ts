import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";

/** Which cluster has created a resource. A name that is free again may be taken by another cluster. */
export interface CreatedBy {
  /** The resource is created by the call of that sequence number in Azure's journal. */
  note(resourceUri: string, clusterName: string, sequence: number): void;
  /** As of a call in Azure's journal, the last one by default; undefined: none had created it. */
  find(resourceUri: string, sequence?: number): string | undefined;
}

export function createCreatedBy(): CreatedBy {
  /** By the resource id as an index key, the last one first. */
  const creations = new Map<string, readonly { readonly clusterName: string; readonly sequence: number }[]>();
  return {
    note: (resourceUri, clusterName, sequence) => {
      const key = resourceUriKey(resourceUri);
      creations.set(key, [{ clusterName, sequence }, ...(creations.get(key) ?? [])]);
    },
    find: (resourceUri, until = Infinity) =>
      creations.get(resourceUriKey(resourceUri))?.find(({ sequence }) => sequence <= until)?.clusterName,
  };
}
