"""The papers that classes of the zoo are made after, as a card cites them, in Markdown."""


def _arxiv(authors, title, number):
    return f"{authors}, *{title}*, [arXiv:{number}](https://arxiv.org/abs/{number})"


# === What the zoo began with ===

TAMING_VAES = _arxiv("Rezende & Viola 2018", "Taming VAEs", "1810.00597")
DEEPER_UNDERSTANDING = _arxiv(
    "Zhao, Song & Ermon 2017",
    "Towards Deeper Understanding of Variational Autoencoding Models",
    "1702.08658",
)
INFO_VAE = _arxiv(
    "Zhao, Song & Ermon 2017",
    "InfoVAE: Information Maximizing Variational Autoencoders",
    "1706.02262",
)

# === Architectures ===

VAE = _arxiv("Kingma & Welling 2014", "Auto-Encoding Variational Bayes", "1312.6114")
STOCHASTIC_BACKPROPAGATION = _arxiv(
    "Rezende, Mohamed & Wierstra 2014",
    "Stochastic Backpropagation and Approximate Inference in Deep Generative Models",
    "1401.4082",
)
CONV_DRAW = _arxiv("Gregor et al. 2016", "Towards Conceptual Compression", "1604.08772")
REAL_NVP = _arxiv(
    "Dinh, Sohl-Dickstein & Bengio 2017", "Density Estimation Using Real NVP", "1605.08803"
)
PIXEL_CNN_PP = _arxiv(
    "Salimans et al. 2017",
    "PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other "
    "Modifications",
    "1701.05517",
)
INFUSION = _arxiv(
    "Bordes, Honari & Vincent 2017",
    "Learning to Generate Samples from Noise through Infusion Training",
    "1703.06975",
)
SHORT_RUN = _arxiv(
    "Nijkamp et al. 2020",
    "Learning Multi-layer Latent Variable Model via Variational Optimization of Short Run MCMC for "
    "Approximate Inference",
    "1912.01909",
)
ENERGY_VAE = _arxiv(
    "Cui, Wu & Han 2023",
    "Learning Joint Latent Space EBM Prior Model for Multi-layer Generator",
    "2306.06323",
)
CHARTS = _arxiv(
    "Schonsheck, Chen & Lai 2019",
    "Chart Auto-Encoders for Manifold Structured Data",
    "1912.10094",
)
DIFFUSION = _arxiv(
    "Ho, Jain & Abbeel 2020", "Denoising Diffusion Probabilistic Models", "2006.11239"
)
EXACT_EM = _arxiv(
    "Balestriero, Paris & Baraniuk 2020",
    "Analytical Probability Distributions and Exact Expectation-Maximization for Deep Generative "
    "Networks",
    "2006.10023",
)
RES_NET_9 = "Page 2018, *How to Train Your ResNet*"

# === Priors, likelihoods, divergences ===

ENERGY_PRIOR = _arxiv(
    "Pang et al. 2020", "Learning Latent Space Energy-Based Prior Model", "2006.08205"
)
EX_POST_DENSITY = _arxiv(
    "Ghosh et al. 2020", "From Variational to Deterministic Autoencoders", "1903.12436"
)
CONTINUOUS_BERNOULLI = _arxiv(
    "Loaiza-Ganem & Cunningham 2019",
    "The Continuous Bernoulli: Fixing a Pervasive Error in Variational Autoencoders",
    "1907.06845",
)
MMD = "Gretton et al. 2012, *A Kernel Two-Sample Test*, JMLR 13"
ADVERSARIAL = _arxiv("Makhzani et al. 2016", "Adversarial Autoencoders", "1511.05644")
STEIN = _arxiv(
    "Liu & Wang 2016",
    "Stein Variational Gradient Descent: A General Purpose Bayesian Inference Algorithm",
    "1608.04471",
)
