import type { ControllerCsi, NodeCsi } from "../../driver/endpoints.ts";

/** Both CSI services as one. */
export type CsiServices = ControllerCsi & NodeCsi;

/** A method of either service. */
export type CsiMethod = keyof CsiServices;
