import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";

/** Which cluster has created a resource. A name that is free again may be taken by another cluster. */
export interface CreatedBy {
  /** The resource is created by the call of that sequence number in Azure's journal. */
  note(resourceUri: string, clusterName: string, sequence: number): void;
  /** The resource is gone, from the call of that sequence number on. */
  noteGone(resourceUri: string, sequence: number): void;
  /**
   * As of a call in Azure's journal, the last one by default; undefined: none had created it, or it was gone.
   */
  find(resourceUri: string, sequence?: number): string | undefined;
  /** Whether any had created it, gone or not. */
  wasCreated(resourceUri: string): boolean;
}

interface Change {
  readonly clusterName: string | undefined;
  readonly sequence: number;
}

export function createCreatedBy(): CreatedBy {
  /** By the resource id as an index key, the last one first. */
  const changes = new Map<string, readonly Change[]>();
  const add = (resourceUri: string, change: Change): void => {
    const key = resourceUriKey(resourceUri);
    changes.set(key, [change, ...(changes.get(key) ?? [])]);
  };
  return {
    note: (resourceUri, clusterName, sequence) => add(resourceUri, { clusterName, sequence }),
    noteGone: (resourceUri, sequence) => add(resourceUri, { clusterName: undefined, sequence }),
    find: (resourceUri, until = Infinity) =>
      changes.get(resourceUriKey(resourceUri))?.find(({ sequence }) => sequence <= until)?.clusterName,
    wasCreated: (resourceUri) => changes.has(resourceUriKey(resourceUri)),
  };
}
