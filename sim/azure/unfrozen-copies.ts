import type { ModelFileSystem } from "../../src/adapters/model-host/model-machine.ts";
import { isSameResourceUri, resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";

/** Why copies of disks are not of frozen file systems. */
export interface UnfrozenCopies {
  /**
   * A disk is about to be copied, by an operation that began `forMs` ago: Azure may read it at any moment of
   * an operation.
   */
  note(
    copy: { readonly sourceId: string; readonly diskId: string; readonly forMs: number },
    fileSystems: readonly ModelFileSystem[],
  ): void;
  /** A sentence each. Empty: what was mounted writable was frozen all the time, and all written back. */
  whyUnfrozen(resourceUri: string): readonly string[];
}

/** Of no copy yet. */
export function createUnfrozenCopies(): UnfrozenCopies {
  const reasons = new Map<string, readonly string[]>();
  return {
    note: ({ sourceId, diskId, forMs }, fileSystems) => {
      const mounted = fileSystems.filter(({ diskUri }) => isSameResourceUri(diskUri, sourceId));
      const found = mounted.flatMap(({ frozenForMs, unflushed }) => [
        ...(frozenForMs === undefined ? ["its file system was mounted and not frozen"] : []),
        ...(frozenForMs !== undefined && frozenForMs < forMs
          ? [`its file system was frozen ${forMs - frozenForMs} ms after Azure was asked`]
          : []),
        ...unflushed.map((name) => `${name} was written and not on the disk`),
      ]);
      reasons.set(resourceUriKey(diskId), found);
    },
    whyUnfrozen: (resourceUri) => reasons.get(resourceUriKey(resourceUri)) ?? [],
  };
}
