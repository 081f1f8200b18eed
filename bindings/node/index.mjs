// An embeddable RWKV-7 engine: the entry of ES modules. types/ describes all of it.

import wkv7 from './index.cjs';

export const {
  Batch,
  Chat,
  Decoder,
  Generation,
  Model,
  Sampler,
  Session,
  State,
  Status,
  Tokenizer,
  Wkv7Error,
  abiVersion,
  backends,
  buildInfo,
  devices,
  hasFeature,
  logTo,
  version,
} = wkv7;
