"""What is known to fail, or is left out, on some libraries, by the beginning of a test's name, and why."""

from __future__ import annotations

UNBOUNDED = "mpmath's numbers have no largest and no smallest: float32 is a name only"
MPARRAY = {
    "test_sizes_that_float32_cannot_hold_give_numbers[mparray-1e-50-temperature": UNBOUNDED,
    "test_sizes_that_float32_cannot_hold_give_numbers[mparray-1e-300-temperature": UNBOUNDED,
    "test_a_weight_too_large_for_the_logits_is_refused": UNBOUNDED,
}

SLOW = "each number is an object of Python: it takes minutes"
MPARRAY_WITHOUT = {"test_up_to_1000_classes": SLOW, "test_100_000_classes": SLOW, "test_properties": SLOW}

NOTHING = "a sum over no element is masked: marray has no number for it"
MARRAY = {
    "test_rule_05_empty": NOTHING,
    "test_rule_23_a_mean_over_nothing_is_zero": NOTHING,
    "test_a_mean_of_nothing_is_0": NOTHING,
    "test_no_class_and_one": NOTHING,
    "test_rule_37_rows_of_no_state_and_of_one[marray-numpy-shape0": NOTHING,
    "test_no_and_one_class[marray-numpy-shape0": NOTHING,
    "test_no_and_one_class[marray-numpy-shape1": NOTHING,
    "test_partitions_merge_in_any_order_to_that_of_the_union": NOTHING,
    "test_rule_30_families_of_no_and_one_class[marray-numpy-shape0": NOTHING,
    "test_rule_34_fitting_to_nothing_leaves_no_distribution": NOTHING,
    "test_sums_of_rows": NOTHING,
    "test_targets_of_the_wrong_kind": NOTHING,
}

ARANGE = "sparse has no arange, which Jacobians need"
LABELS = "sparse has no arange, which labels need"
STACKED = "sparse stacks no arrays whose missing elements stand for different numbers"
UNSTORED = "what sparse does not store becomes nan in a step of Newton's method, and it has no maximum of nan"
SPARSE = {
    "test_call[sparse-Boltzmann.at_mean_energy": UNSTORED,
    "test_jacobian_of_known_logits": ARANGE,
    "test_a_small_diagonal_keeps_its_digits": ARANGE,
    "test_no_and_one_class": ARANGE,
    "test_the_core_of_products": ARANGE,
    "test_call[sparse-softmax_jacobian": ARANGE,
    "test_call[sparse-softmax_cross_entropy": LABELS,
    "test_call[sparse-SoftmaxCrossEntropy": LABELS,
    "test_call[sparse-Categorical.covariance": ARANGE,
    "test_call[sparse-Categorical.third_cumulant": ARANGE,
    "test_call[sparse-Categorical.fisher_information": ARANGE,
    "test_call[sparse-Categorical.fit": LABELS,
    "test_call[sparse-Categorical.log_prob": LABELS,
    "test_call[sparse-Categorical.mode": LABELS,
    "test_call[sparse-Categorical.sample": LABELS,
    "test_call[sparse-sigmoid_cross_entropy": STACKED,
    "test_call[sparse-SigmoidCrossEntropy": STACKED,
}

ENDLESS = "an operation of MLX on an array without elements may not end"
EXP = "the exponential of MLX is some 20 ulp off"
MLX = {
    "test_a_small_tail_keeps_its_digits": EXP,
    "test_complements_do_not_cancel": EXP,
    "test_a_small_diagonal_keeps_its_digits": EXP,
    "test_rule_05_empty": ENDLESS,
    "test_rule_23_a_mean_over_nothing_is_zero": ENDLESS,
    "test_a_mean_of_nothing_is_0": ENDLESS,
    "test_no_class_and_one": ENDLESS,
    **dict.fromkeys([f"test_no_and_one_class[mlx-shape{k}" for k in (0, 1, 2, 5)], ENDLESS),
    **dict.fromkeys([f"test_any_shape[mlx-shape{k}" for k in (1, 2)], ENDLESS),
    "test_rows_are_laid_out_in_order": ENDLESS,
    "test_targets_of_the_wrong_kind": ENDLESS,
}
MLX_WITHOUT = dict.fromkeys(["test_sums_of_rows", "test_partitions_merge_in_any_order_to_that_of_the_union"], ENDLESS)

UNSIZED = "sizes are not known until the model runs: none is refused before"
TANH = "the tanh of onnxruntime loses digits of a subnormal float32"
ONNX = {
    "test_rule_04_negative_weights": "the exp of onnxruntime is off by up to 1.6 ulp in float64",
    "test_shapes[": UNSIZED,
    "test_batches_that_do_not_match": UNSIZED,
    "test_sizes_that_float32_cannot_hold_give_numbers[onnx-dynamic-1e+50-softcap]": TANH,
    "test_sizes_that_float32_cannot_hold_give_numbers[onnx-dynamic-1e+300-softcap]": TANH,
}
NO_COMPLEX = "ndonnx has no complex numbers"
ONNX_WITHOUT = {"test_rule_10_complex_numbers_are_refused": NO_COMPLEX, "test_complex_numbers": NO_COMPLEX}
