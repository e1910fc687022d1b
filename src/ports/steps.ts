/**
 * Wraps each workflow step that changes anything outside this process. Production counts and logs; crash
 * tests kill the process right before or right after.
 */
export interface Steps {
  run<T>(step: StepName, act: () => Promise<T>): Promise<T>;
}

/** Every step that writes, by its name in the writer protocol or the life of a volume. */
export const stepNames = [
  "create-object",
  "create-disk",
  "record-created",
  "record-found",
  "request",
  "withdraw",
  "grant",
  "acquire",
  "checkpoint",
  "apply-settings",
  "format",
  "mount",
  "unmount",
  "restore-settings",
  "release",
  "revoke",
  "recall",
  "answer-recall",
  "begin-fence",
  "fence",
  "end-fence",
  "prove",
  "flush",
  "clear-mark",
  "identify",
  "prove-clean",
  "reclaim",
  "create-replica",
  "attach",
  "record-attached",
  "promote",
  "demote",
  "detach",
  "remove-attachment",
  "mark-delete",
  "tag-disk",
  "distrust",
  "delete-disk",
  "remove-volume",
  "request-size",
  "begin-offline-resize",
  "delete-replica",
  "resize-disk",
  "record-updated",
  "end-offline-resize",
  "request-freeze",
  "freeze",
  "answer-freeze",
  "take-snapshot",
  "end-freeze",
  "thaw",
  "confirm-snapshot",
  "copy-snapshot",
  "delete-copy-source",
  "delete-snapshot",
  "request-modification",
  "modify-disk",
  "end-modification",
  "repeat-modification",
  "heartbeat",
] as const;

/** The name of a step. */
export type StepName = (typeof stepNames)[number];
