"""Entries of what has no class of ours to carry them: libraries, their layers, and statistics."""

PYTORCH = """@inproceedings{paszke2019pytorch,
  author = {Paszke, Adam and Gross, Sam and Massa, Francisco and Lerer, Adam and Bradbury, James and Chanan,
    Gregory and Killeen, Trevor and Lin, Zeming and Gimelshein, Natalia and Antiga, Luca and others},
  title = {{PyTorch}: An Imperative Style, High-Performance Deep Learning Library},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {32},
  year = {2019},
}"""

TORCHATTACKS = """@article{kim2020torchattacks,
  author = {Kim, Hoki},
  title = {Torchattacks: A {PyTorch} Repository for Adversarial Attacks},
  journal = {arXiv preprint arXiv:2010.01950},
  year = {2020},
}"""

GROUP_NORM = """@inproceedings{wu2018group,
  author = {Wu, Yuxin and He, Kaiming},
  title = {Group Normalization},
  booktitle = {European Conference on Computer Vision},
  year = {2018},
}"""

WILSON = """@article{wilson1927probable,
  author = {Wilson, Edwin B.},
  title = {Probable Inference, the Law of Succession, and Statistical Inference},
  journal = {Journal of the American Statistical Association},
  volume = {22},
  year = {1927},
}"""
