"""`vae-zoo explore`: a local web page on which models are tried by hand.

By Gradio, which `page.py`, `web_server.py`, `image_choice.py` and `tabs/` import. What the page
shows is made by the public methods of models.
"""
