/** Studies to start from. */

export const TEMPLATES = [
  {
    name: "Image classifier on digits",
    definition: {
      name: "digits",
      description: "A small network on scikit-learn's digits.",
      space: {
        parameters: [
          { name: "lr", type: "float", low: 0.0001, high: 0.1, scale: "log" },
          { name: "optimizer", type: "categorical", choices: ["sgd", "adam", "adamw"] },
          { name: "momentum", type: "float", low: 0, high: 0.99, when: "optimizer == 'sgd'" },
          { name: "depth", type: "int", low: 1, high: 3 },
          { name: "width", type: "int", low: 4, high: 32, scale: "log" },
          { name: "dropout", type: "float", low: 0, high: 0.5 },
          { name: "batch_size", type: "ordinal", choices: [16, 32, 64, 128] },
        ],
      },
      objectives: [{ metric: "val_accuracy", goal: "maximize" }],
      budget: { max_trials: 40 },
      task: { trainable: "image_classifier", settings: { dataset: "digits" } },
    },
  },
  {
    name: "Architectures for signals",
    definition: {
      name: "signals",
      description: "Which network of at most 20,000 weights reads one-dimensional signals best?",
      space: {
        parameters: [{ name: "lr", type: "float", low: 0.001, high: 0.03, scale: "log" }],
        architecture: {
          input: [1, 40],
          output: 10,
          body: [
            { name: "stem", op: "conv", out: { choice: [8, 16, 32] }, kernel: { choice: [3, 5, 7] } },
            {
              name: "layer",
              residual: true,
              repeat: { int: [1, 4] },
              body: [
                {
                  choice: [
                    { op: "conv", out: { choice: [16, 32] }, kernel: { choice: [3, 5] } },
                    { op: "attention", heads: { choice: [1, 2, 4] } },
                    { op: "gru", out: { choice: [8, 16] }, bidirectional: true },
                  ],
                },
              ],
            },
            { op: "gap" },
          ],
        },
        constraints: ["params <= 20000"],
      },
      objectives: [{ metric: "val_accuracy", goal: "maximize" }],
      stopping: { rule: "asha" },
      budget: { max_trials: 40 },
      task: { trainable: "sequence_classifier", settings: { dataset: "signals" } },
    },
  },
  {
    name: "Small and accurate at once",
    definition: {
      name: "small-digits",
      description: "How well can digits be read, in how few bytes?",
      space: {
        parameters: [
          { name: "lr", type: "float", low: 0.003, high: 0.03, scale: "log" },
          { name: "width", type: "int", low: 8, high: 32, scale: "log" },
          { name: "prune.on", type: "bool" },
          { name: "prune.target", type: "float", low: 0.08, high: 0.6, scale: "log", when: "prune.on == true" },
          { name: "quantize.mode", type: "categorical", choices: ["int8_static", "weight_minmax"] },
          { name: "quantize.bits", type: "int", low: 3, high: 8, when: "quantize.mode == 'weight_minmax'" },
        ],
      },
      objectives: [
        { metric: "quantize.accuracy", goal: "maximize" },
        { metric: "quantize.file_bytes", goal: "minimize" },
      ],
      budget: { max_trials: 40 },
      task: { trainable: "image_classifier", settings: { dataset: "digits", pipeline: ["train", "prune", "examine", "quantize", "export"] } },
    },
  },
  {
    name: "Small regression net",
    definition: {
      name: "hello",
      space: { parameters: [{ name: "lr", type: "float", low: 0.00001, high: 0.1, scale: "log" }] },
      objectives: [{ metric: "val_mse", goal: "minimize" }],
      budget: { max_trials: 20 },
      task: { trainable: "hello" },
    },
  },
  {
    name: "Evaluated by your own client",
    definition: {
      name: "my-search",
      description: "Without a task: POST /v1/claims asks for trials, /v1/trials/{id}/complete tells their results.",
      space: {
        parameters: [
          { name: "x", type: "float", low: -5, high: 10 },
          { name: "y", type: "float", low: 0, high: 15 },
        ],
      },
      objectives: [{ metric: "loss", goal: "minimize" }],
      budget: { max_trials: 100 },
    },
  },
];
