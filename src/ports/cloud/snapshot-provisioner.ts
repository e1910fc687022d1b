import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { SnapshotPlace } from "../../core/volume/parameters/snapshot-parameters.ts";

/** A snapshot of a disk as the platform shows it. */
export interface SnapshotFacts extends SnapshotPlace {
  readonly snapshotUri: string;
  /** The disk or snapshot that it was made from; it may be gone. */
  readonly sourceUri: string;
  /** The `uniqueId` of that very disk: a later one may have its URI by now. Absent: not shown. */
  readonly sourceUniqueId?: string;
  /** A disk made from it has at least this size. */
  readonly sizeGiB: number;
  /** The size that Azure shows, where its bytes need one GiB more. A client may have learnt this one. */
  readonly shownGiB?: number;
  readonly isIncremental: boolean;
  /** The logical sector size of its disk, in bytes. */
  readonly sectorSizeBytes: number;
  readonly tags: Readonly<Record<string, string>>;
  /** The moment of its content, in milliseconds since 1970; undefined while the platform shows none. */
  readonly createdAtMs: number | undefined;
  /** The state in the platform's words, such as `Succeeded` or `Failed`. */
  readonly state: string;
  /**
   * Whether its content is known to be fixed. Stays true while its copy in the background runs, also if a
   * later change of it fails.
   */
  readonly isTaken: boolean;
  /** Whether a disk can be made from it: its copy in the background has ended, or it has instant access. */
  readonly isRestorable: boolean;
  /** Whether the platform still copies its content in the background. */
  readonly isBeingCopied: boolean;
  /** Why its copy from another region has ended without its content; undefined: it has not. */
  readonly copyError: string | undefined;
}

/** Its place is that of the disk, or the one to copy to: the platform makes a snapshot where its disk is. */
export interface CreateSnapshotRequest extends SnapshotPlace {
  readonly snapshotUri: string;
  /** The disk, or a complete incremental snapshot in another region, which is copied in the background. */
  readonly sourceUri: string;
  /** false: a full copy. */
  readonly isIncremental: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** In Azure's words: who may export it, and how. */
  readonly networkAccessPolicy: string;
  readonly publicNetworkAccess: string;
  /** undefined: Azure's default. */
  readonly dataAccessAuthMode: string | undefined;
  /** How long it can be restored while its copy runs, in minutes from 60 to 300; undefined: not at all. */
  readonly instantAccessMinutes: number | undefined;
  /** What the call that makes it adds to its User-Agent; undefined: nothing. */
  readonly userAgent: string | undefined;
  /** Asked of a snapshot that has the id already, whenever it was read: why it is not the requested one. */
  readonly objection: SnapshotObjection;
  /** Keeps note of each request; undefined: nothing depends on one that is on its way. */
  readonly note: SnapshotNote | undefined;
}

/**
 * Keeps note, outside this process, of a request that makes a snapshot: it may be on its way, so that no read
 * shows the snapshot, also after its process has stopped.
 */
export interface SnapshotNote {
  /** Called before each request, once a read has shown no snapshot. A failure keeps it from being sent. */
  readonly write: (signal: AbortSignal) => Promise<Result<void>>;
  /** Called once it is known that the request makes nothing: the platform has refused it. Never fails. */
  readonly end: (signal: AbortSignal) => Promise<void>;
}

/** Why a snapshot, as just read, must be left alone; undefined: it need not. */
export type SnapshotObjection = (present: SnapshotFacts) => Failure | undefined;

/**
 * The snapshots of the provisioner library. A snapshot is identified by its resource id.
 *
 * Each method is idempotent, and may fail as those of `CloudProvisioner`.
 */
export interface SnapshotProvisioner {
  /**
   * Creates a snapshot and waits until its content is fixed; a copy in the background may continue. Answers
   * the snapshot that has the id already unless `objection` fails. One whose creation or copy from another
   * region failed is deleted and created again; one that was taken never is. Fails with `DiskNotFound`,
   * `ChangeOverQuota` or `TooManySnapshots`, or as `note.write` does; if the source is a snapshot, with
   * `SnapshotNotFound`, or with `SnapshotCopyDelayed` where Azure does not begin to copy that now.
   */
  createSnapshot(request: CreateSnapshotRequest, signal: AbortSignal): Promise<Result<SnapshotFacts>>;
  /**
   * Adds tags to a snapshot, or replaces their values; the others stay. Changes nothing but tags, and never
   * makes a snapshot that is gone. Fails with `SnapshotNotFound`, or with what `objection` answers of it.
   */
  tagSnapshot(
    request: {
      readonly snapshotUri: string;
      readonly tags: Readonly<Record<string, string>>;
      readonly objection: SnapshotObjection;
    },
    signal: AbortSignal,
  ): Promise<Result<SnapshotFacts>>;
  /**
   * Deletes a snapshot; success if it is gone already. Disks and other snapshots of the same disk keep their
   * content. Reads it before each request, and fails with what `objection` answers of it.
   */
  deleteSnapshot(
    request: { readonly snapshotUri: string; readonly objection: SnapshotObjection },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /** Reads a snapshot, never from a cache. Fails with `SnapshotNotFound`. */
  getSnapshot(request: { readonly snapshotUri: string }, signal: AbortSignal): Promise<Result<SnapshotFacts>>;
  /** All snapshots of a resource group (default: the cluster's), in no order. */
  listSnapshots(
    request: { readonly resourceGroup: string | undefined },
    signal: AbortSignal,
  ): Promise<Result<readonly SnapshotFacts[]>>;
}
