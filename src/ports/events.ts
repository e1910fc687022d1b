/** Tells people what happens, on the object they look at. Never fails: an event that can't be written is logged. */
export interface Events {
  emit(event: {
    readonly about: { readonly kind: "AzVolume" | "AzVolumeAttachment" | "AzDriverNode" | "Node"; readonly name: string };
    readonly type: "Normal" | "Warning";
    /** CamelCase, constant: `WaitingForWriter`. */
    readonly reason: string;
    readonly message: string;
  }): void;
}
