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
          { name: "layers", type: "int", low: 1, high: 3 },
          { name: "width", type: "int", low: 16, high: 256, scale: "log" },
          { name: "dropout", type: "float", low: 0, high: 0.5 },
          { name: "batch_size", type: "ordinal", choices: [16, 32, 64, 128] },
        ],
      },
      objectives: [{ metric: "accuracy", goal: "maximize" }],
      budget: { max_trials: 40 },
      task: { trainable: "image_classifier", settings: { dataset: "digits" } },
    },
  },
  {
    name: "Small regression net",
    definition: {
      name: "hello",
      space: { parameters: [{ name: "lr", type: "float", low: 0.00001, high: 0.1, scale: "log" }] },
      objectives: [{ metric: "loss", goal: "minimize" }],
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
