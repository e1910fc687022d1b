import type { EventReason } from "../../core/events/event-reasons.ts";

/** Something to tell people, at the object that they look at. */
export interface DriverEvent {
  readonly about: { readonly kind: "AzVolume" | "AzDriverNode" | "Node" | "Lease"; readonly name: string };
  /** Says as well how grave it is, who else is told, and what to do. */
  readonly reason: EventReason;
  /** A plain sentence without its full stop: what is so, with names. What to do follows by itself. */
  readonly message: string;
  /** The node that an event about a volume names; told as well where the reason says so. */
  readonly nodeName?: string;
  /**
   * Nodes on which pods wait for the volume, which are told as well where the reason says so. Default:
   * wherever a pod waits for it.
   */
  readonly waitingOn?: readonly string[];
  /**
   * What has to change for it to be news, where the message holds numbers that change each time. Default:
   * the message.
   */
  readonly news?: string;
}

/**
 * Tells people what happens, on the objects that they look at: the volume, its claim, the pods that wait
 * for it, the node. Never fails and never waits: what can't be written is logged. Callers may say the same
 * again for as long as it is so; it is told once, and again only now and then.
 */
export interface Events {
  emit(event: DriverEvent): void;
}
